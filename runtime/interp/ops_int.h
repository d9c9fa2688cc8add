/* SPDX-License-Identifier: MIT */
/* Integer operations. Included inside run() in interp.c; clang-format is off because labels carry the names.
 */
/* clang-format off */

/* NAME with two slots, and NAME_I with an immediate. */
#define BINARY(NAME, EXPR)                                                              \
    L_##NAME: { uint64_t x = r[ip->b], y = r[ip->c]; r[ip->a] = (EXPR); } NEXT;         \
    L_##NAME##_I: { uint64_t x = r[ip->b], y = ip->imm; r[ip->a] = (EXPR); } NEXT;

BINARY(ADD32, (uint32_t)(x + y))
BINARY(ADD64, x + y)
BINARY(SUB32, (uint32_t)(x - y))
BINARY(SUB64, x - y)
BINARY(MUL32, (uint32_t)(x * y))
BINARY(MUL64, x * y)
BINARY(AND, x & y)
BINARY(OR, x | y)
BINARY(XOR, x ^ y)
BINARY(SHL32, (uint32_t)(x << (y & 63)))
BINARY(SHL64, x << (y & 63))
BINARY(LSHR, x >> (y & 63))
BINARY(ASHR32, (uint32_t)((int32_t)x >> (y & 31)))
BINARY(ASHR64, (uint64_t)((int64_t)x >> (y & 63)))
BINARY(UDIV, x / y)
BINARY(UREM, x % y)
BINARY(SDIV32, (uint32_t)((int32_t)x / (int32_t)y))
BINARY(SDIV64, (uint64_t)((int64_t)x / (int64_t)y))
BINARY(SREM32, (uint32_t)((int32_t)x % (int32_t)y))
BINARY(SREM64, (uint64_t)((int64_t)x % (int64_t)y))
L_RSUB32_I: r[ip->a] = (uint32_t)(ip->imm - r[ip->b]); NEXT;
L_RSUB64_I: r[ip->a] = ip->imm - r[ip->b]; NEXT;

#define COMPARE(NAME, EXPR)                                                             \
    L_SET_##NAME: { uint64_t x = r[ip->b], y = r[ip->c]; r[ip->a] = (EXPR); } NEXT;     \
    L_SET_##NAME##_I: { uint64_t x = r[ip->b], y = ip->imm; r[ip->a] = (EXPR); } NEXT;  \
    L_BR_##NAME: { uint64_t x = r[ip->a], y = r[ip->b]; BRANCH(EXPR) }                  \
    L_BR_##NAME##_I: { uint64_t x = r[ip->a], y = (uint64_t)(int16_t)ip->c; BRANCH(EXPR) }

COMPARE(EQ, x == y)
COMPARE(NE, x != y)
COMPARE(ULT, x < y)
COMPARE(ULE, x <= y)
COMPARE(UGT, x > y)
COMPARE(UGE, x >= y)
COMPARE(SLT32, (int32_t)x < (int32_t)y)
COMPARE(SLE32, (int32_t)x <= (int32_t)y)
COMPARE(SGT32, (int32_t)x > (int32_t)y)
COMPARE(SGE32, (int32_t)x >= (int32_t)y)
COMPARE(SLT64, (int64_t)x < (int64_t)y)
COMPARE(SLE64, (int64_t)x <= (int64_t)y)
COMPARE(SGT64, (int64_t)x > (int64_t)y)
COMPARE(SGE64, (int64_t)x >= (int64_t)y)
L_BR_NZ: BRANCH(r[ip->a] != 0)
L_BR_Z: BRANCH(r[ip->a] == 0)

L_SELECT: r[ip->a] = r[ip->b] ? r[ip->c] : r[LOW]; NEXT;
L_SEXT32: r[ip->a] = (uint32_t)((int64_t)(r[ip->b] << ip->imm) >> ip->imm); NEXT;
L_SEXT64: r[ip->a] = (uint64_t)((int64_t)(r[ip->b] << ip->imm) >> ip->imm); NEXT;

#define BINARY128(NAME, EXPR)                                                           \
    L_##NAME: { unsigned __int128 x = pair(r + ip->b), y = pair(r + ip->c); set_pair(r + ip->a, EXPR); } NEXT;
#define SHIFT128(NAME, TYPE, OP)                                                        \
    L_##NAME: { TYPE x = (TYPE)pair(r + ip->b); uint64_t y = r[ip->c] & 127;            \
                set_pair(r + ip->a, (unsigned __int128)(x OP y)); } NEXT;
#define COMPARE128(NAME, TYPE, OP)                                                      \
    L_SET_##NAME: { TYPE x = (TYPE)pair(r + ip->b), y = (TYPE)pair(r + ip->c); r[ip->a] = x OP y; } NEXT;

BINARY128(ADD128, x + y)
BINARY128(SUB128, x - y)
BINARY128(MUL128, x * y)
SHIFT128(SHL128, unsigned __int128, <<)
SHIFT128(LSHR128, unsigned __int128, >>)
SHIFT128(ASHR128, __int128, >>)
COMPARE128(EQ128, unsigned __int128, ==)
COMPARE128(ULT128, unsigned __int128, <)
COMPARE128(ULE128, unsigned __int128, <=)
COMPARE128(SLT128, __int128, <)
COMPARE128(SLE128, __int128, <=)

L_CTPOP: r[ip->a] = (uint64_t)__builtin_popcountll(r[ip->b]); NEXT;
L_CTLZ: { uint64_t x = r[ip->b]; r[ip->a] = x ? (uint64_t)__builtin_clzll(x) - (64 - ip->imm) : ip->imm; } NEXT;
L_CTTZ: { uint64_t x = r[ip->b]; r[ip->a] = x ? (uint64_t)__builtin_ctzll(x) : ip->imm; } NEXT;
L_BITREVERSE: r[ip->a] = reverse_bits(r[ip->b], LOW); NEXT;
L_BSWAP: r[ip->a] = __builtin_bswap64(r[ip->b]) >> ip->imm; NEXT;
L_FSHL: r[ip->a] = funnel_left(r[ip->b], r[ip->c], r[LOW], HIGH); NEXT;
L_FSHR: { uint64_t by = r[LOW] % HIGH;
    r[ip->a] = by ? funnel_left(r[ip->b], r[ip->c], HIGH - by, HIGH) : r[ip->c]; } NEXT;
L_OVERFLOW: { int flag; uint64_t x = arithmetic(LOW, r[ip->b], r[ip->c], HIGH, &flag);
    r[ip->a] = x; r[ip->a + 1] = (uint64_t)flag; } NEXT;
L_SATURATE: r[ip->a] = saturated(LOW, r[ip->b], r[ip->c], HIGH); NEXT;

#undef BINARY
#undef COMPARE
#undef BINARY128
#undef SHIFT128
#undef COMPARE128
/* clang-format on */
