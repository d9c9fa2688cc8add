"""C to bitcode to objects: the front end, the tiers, and the freestanding parts of an image."""
