"""Recipes, the FAT16 volume and the disk image around it."""
