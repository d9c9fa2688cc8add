"""Linking, frozen or live, and optimized_snapshot.bin itself."""
