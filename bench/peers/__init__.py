"""Just-in-time compilers beside ours: the historical trio and the matrix multiply in C, Lua, JavaScript and Python."""
