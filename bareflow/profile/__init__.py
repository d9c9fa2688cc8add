"""Profiles: decoding, merging, exporting; bytes and values only, no machine."""
