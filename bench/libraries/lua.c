/* SPDX-License-Identifier: MIT */
/* lua ROUNDS: runs a script that uses strings, tables, closures, coroutines, errors, numbers and the
 * collector. */

#include <stdio.h>
#include <stdlib.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static const char script[] =
    "local rounds = ...\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local sum, words = 0, {}\n"
    "for round = 1, rounds do\n"
    "  sum = sum + fib(15 + round % 3)\n"
    "  local t = {}\n"
    "  for i = 1, 400 do t[i] = (i * 7919 + round * 31) % 1009 end\n"
    "  table.sort(t, function(a, b) return a > b end)\n"
    "  sum = sum + t[1] + t[400] + #t\n"
    "  for word in ('grow to shrink, a kernel of its own'):gmatch('%a+') do\n"
    "    words[word] = (words[word] or 0) + round\n"
    "  end\n"
    "  local gen = coroutine.wrap(function() for i = 1, 50 do coroutine.yield(i * i) end end)\n"
    "  for _ = 1, 50 do sum = sum + gen() end\n"
    "  local ok, message = pcall(function() error('round ' .. round) end)\n"
    "  sum = sum + #message + (ok and 1 or 0)\n"
    "  local s = ('%d:%5.2f:%s'):format(round, round / 7, ('x'):rep(round % 5)):gsub('%d', function(d) "
    "return d + 1 end)\n"
    "  sum = sum + #s + math.floor(math.sin(round) * 1000)\n"
    "end\n"
    "local keys = {}\n"
    "for key, count in pairs(words) do keys[#keys + 1] = key .. '=' .. count end\n"
    "table.sort(keys)\n"
    "collectgarbage()\n"
    "print(_VERSION, rounds, sum, table.concat(keys, ' '))\n";

int main(int argc, char **argv) {
    lua_State *state = luaL_newstate();
    if (!state)
        return 2;
    luaL_openlibs(state);
    int failed = luaL_loadbuffer(state, script, sizeof script - 1, "=script");
    lua_pushinteger(state, argc > 1 ? atoi(argv[1]) : 1);
    failed = failed || lua_pcall(state, 1, 0, 0);
    if (failed)
        printf("%s\n", lua_tostring(state, -1));
    lua_close(state);
    return failed;
}
