/* SPDX-License-Identifier: MIT */
/* Floating-point operations. Included inside run() in interp.c. */
/* clang-format off */

#define FLOAT(NAME, LETTER, TYPE)                                                       \
    L_ADD##LETTER: { TYPE x = to_##NAME(r[ip->b]), y = to_##NAME(r[ip->c]); r[ip->a] = from_##NAME(x + y); } NEXT; \
    L_SUB##LETTER: { TYPE x = to_##NAME(r[ip->b]), y = to_##NAME(r[ip->c]); r[ip->a] = from_##NAME(x - y); } NEXT; \
    L_MUL##LETTER: { TYPE x = to_##NAME(r[ip->b]), y = to_##NAME(r[ip->c]); r[ip->a] = from_##NAME(x * y); } NEXT; \
    L_DIV##LETTER: { TYPE x = to_##NAME(r[ip->b]), y = to_##NAME(r[ip->c]); r[ip->a] = from_##NAME(x / y); } NEXT; \
    L_MULADD##LETTER: { TYPE x = to_##NAME(r[ip->b]) * to_##NAME(r[ip->c]);             \
        __asm__("" : "+x"(x)); r[ip->a] = from_##NAME(x + to_##NAME(r[LOW])); } NEXT;   \
    L_STO##LETTER: r[ip->a] = from_##NAME((TYPE)(int64_t)r[ip->b]); NEXT;               \
    L_S32TO##LETTER: r[ip->a] = from_##NAME((TYPE)(int32_t)r[ip->b]); NEXT;             \
    L_UTO##LETTER: r[ip->a] = from_##NAME((TYPE)r[ip->b]); NEXT;                        \
    L_##LETTER##TOS: r[ip->a] = (uint64_t)(int64_t)to_##NAME(r[ip->b]); NEXT;           \
    L_##LETTER##TOU: r[ip->a] = (uint64_t)to_##NAME(r[ip->b]); NEXT;                    \
    FLOAT_COMPARE(OEQ_##LETTER, NAME, TYPE, x == y)                                     \
    FLOAT_COMPARE(OLT_##LETTER, NAME, TYPE, x < y)                                      \
    FLOAT_COMPARE(OLE_##LETTER, NAME, TYPE, x <= y)                                     \
    FLOAT_COMPARE(ONE_##LETTER, NAME, TYPE, __builtin_islessgreater(x, y))              \
    FLOAT_COMPARE(ORD_##LETTER, NAME, TYPE, !__builtin_isunordered(x, y))               \
    FLOAT_COMPARE(UEQ_##LETTER, NAME, TYPE, !__builtin_islessgreater(x, y))             \
    FLOAT_COMPARE(ULT_##LETTER, NAME, TYPE, !__builtin_isgreaterequal(x, y))            \
    FLOAT_COMPARE(ULE_##LETTER, NAME, TYPE, !__builtin_isgreater(x, y))                 \
    FLOAT_COMPARE(UNE_##LETTER, NAME, TYPE, x != y)                                     \
    FLOAT_COMPARE(UNO_##LETTER, NAME, TYPE, __builtin_isunordered(x, y))

#define FLOAT_COMPARE(WHAT, NAME, TYPE, EXPR)                                           \
    L_SET_##WHAT: { TYPE x = to_##NAME(r[ip->b]), y = to_##NAME(r[ip->c]); r[ip->a] = (EXPR) ? 1 : 0; } NEXT; \
    L_BR_##WHAT: { TYPE x = to_##NAME(r[ip->a]), y = to_##NAME(r[ip->b]); BRANCH(EXPR) }

FLOAT(float, F, float)
FLOAT(double, D, double)

L_FTOD: r[ip->a] = from_double((double)to_float(r[ip->b])); NEXT;
L_DTOF: r[ip->a] = from_float((float)to_double(r[ip->b])); NEXT;
L_SQRTF: { float x = to_float(r[ip->b]); __asm__("sqrtss %0, %0" : "+x"(x)); r[ip->a] = from_float(x); } NEXT;
L_SQRTD: { double x = to_double(r[ip->b]); __asm__("sqrtsd %0, %0" : "+x"(x)); r[ip->a] = from_double(x); } NEXT;
L_FPCLASSF: r[ip->a] = (float_class(r[ip->b], 23, 8) & ip->imm) != 0; NEXT;
L_FPCLASSH: r[ip->a] = (float_class(r[ip->b], 10, 5) & ip->imm) != 0; NEXT;
L_FPCLASSQ: r[ip->a] = (float_class(r[ip->b], 48, 15) & ip->imm) != 0; NEXT;
L_FPCLASSD: r[ip->a] = (float_class(r[ip->b], 52, 11) & ip->imm) != 0; NEXT;

#define EXTENDED(NAME, EXPR)                                                            \
    L_##NAME: { long double x = extended(r + ip->b), y = extended(r + ip->c); set_extended(r + ip->a, EXPR); } NEXT;
#define EXTENDED_COMPARE(NAME, EXPR)                                                    \
    L_SET_##NAME##_X: { long double x = extended(r + ip->b), y = extended(r + ip->c); r[ip->a] = (EXPR) ? 1 : 0; } NEXT;

EXTENDED(ADDX, x + y)
EXTENDED(SUBX, x - y)
EXTENDED(MULX, x * y)
EXTENDED(DIVX, x / y)
L_SQRTX: { long double x = extended(r + ip->b); __asm__("fsqrt" : "+t"(x)); set_extended(r + ip->a, x); } NEXT;
L_FTOX: set_extended(r + ip->a, (long double)to_float(r[ip->b])); NEXT;
L_DTOX: set_extended(r + ip->a, (long double)to_double(r[ip->b])); NEXT;
L_STOX: set_extended(r + ip->a, (long double)(int64_t)r[ip->b]); NEXT;
L_UTOX: set_extended(r + ip->a, (long double)r[ip->b]); NEXT;
L_XTOF: r[ip->a] = from_float((float)extended(r + ip->b)); NEXT;
L_XTOD: r[ip->a] = from_double((double)extended(r + ip->b)); NEXT;
L_XTOS: r[ip->a] = (uint64_t)(int64_t)extended(r + ip->b); NEXT;
L_XTOU: r[ip->a] = (uint64_t)extended(r + ip->b); NEXT;
EXTENDED_COMPARE(OEQ, x == y)
EXTENDED_COMPARE(OLT, x < y)
EXTENDED_COMPARE(OLE, x <= y)
EXTENDED_COMPARE(ONE, __builtin_islessgreater(x, y))
EXTENDED_COMPARE(ORD, !__builtin_isunordered(x, y))
EXTENDED_COMPARE(UEQ, !__builtin_islessgreater(x, y))
EXTENDED_COMPARE(ULT, !__builtin_isgreaterequal(x, y))
EXTENDED_COMPARE(ULE, !__builtin_isgreater(x, y))
EXTENDED_COMPARE(UNE, x != y)
EXTENDED_COMPARE(UNO, __builtin_isunordered(x, y))
L_FPCLASSX: r[ip->a] = (uint64_t)extended_class(r + ip->b, LOW); NEXT;

#undef EXTENDED
#undef EXTENDED_COMPARE
#undef FLOAT
#undef FLOAT_COMPARE
/* clang-format on */
