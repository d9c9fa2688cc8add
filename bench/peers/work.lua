-- SPDX-License-Identifier: MIT
-- As work.c, for LuaJIT.
local ROUNDS = 7

local function fibonacci(n)
    if n < 2 then return n end
    return fibonacci(n - 1) + fibonacci(n - 2)
end

local function sum_to_n(n)
    local sum = 0
    for i = 1, n do sum = sum + i end
    return sum
end

local function multiply(a, b) return a * b end

local function products(n)
    local last = 0
    for i = 0, n - 1 do last = last + multiply(i, 3) end
    return last
end

local left, right, product = {}, {}, {}
for i = 0, 64 * 64 - 1 do
    left[i], right[i], product[i] = i % 7, i % 5, 0
end

local function matrix_multiply(n)
    for i = 0, n - 1 do
        for j = 0, n - 1 do
            local sum = 0
            for k = 0, n - 1 do sum = sum + left[i * n + k] * right[k * n + j] end
            product[i * n + j] = sum
        end
    end
    return product[n * n - 1]
end

local work = {
    { "fibonacci", fibonacci, 27 }, { "sum_to_n", sum_to_n, 3000000 },
    { "multiply", products, 3000000 }, { "matrix_multiply", matrix_multiply, 64 },
}
for _, one in ipairs(work) do
    local best, result = math.huge, 0
    for _ = 1, ROUNDS do
        local from = os.clock()
        result = one[2](one[3])
        best = math.min(best, 1e9 * (os.clock() - from))
    end
    io.stderr:write(string.format("%s %.0f\n", one[1], best))
    print(string.format("%s %.0f", one[1], result))
end
