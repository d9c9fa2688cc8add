"""Three C libraries that are not ours, fetched by name and grown unmodified: zlib, bzip2 and Lua."""
