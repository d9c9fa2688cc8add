/* SPDX-License-Identifier: MIT */
/* The interpreter's opcodes. Generated from bareflow/layouts/opcodes.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_OPCODES_H
#define BAREFLOW_GEN_OPCODES_H


/* What an instruction does. */
#define OP_CONST 0 /* a = immediate */
#define OP_SYM 1 /* a = address of symbol d, plus signed e */
#define OP_MOV 2 /* a = b */
#define OP_MOV2 3 /* a = b, then c = d; made after allocation, where neither disturbs the other */
#define OP_FRAME 4 /* a = address of this call's memory plus immediate */
#define OP_ADD32 5 /* a = b add32 c */
#define OP_ADD64 6 /* a = b add64 c */
#define OP_SUB32 7 /* a = b sub32 c */
#define OP_SUB64 8 /* a = b sub64 c */
#define OP_MUL32 9 /* a = b mul32 c */
#define OP_MUL64 10 /* a = b mul64 c */
#define OP_SHL32 11 /* a = b shl32 c */
#define OP_SHL64 12 /* a = b shl64 c */
#define OP_ASHR32 13 /* a = b ashr32 c */
#define OP_ASHR64 14 /* a = b ashr64 c */
#define OP_SDIV32 15 /* a = b sdiv32 c */
#define OP_SDIV64 16 /* a = b sdiv64 c */
#define OP_SREM32 17 /* a = b srem32 c */
#define OP_SREM64 18 /* a = b srem64 c */
#define OP_AND 19 /* a = b and c */
#define OP_OR 20 /* a = b or c */
#define OP_XOR 21 /* a = b xor c */
#define OP_LSHR 22 /* a = b lshr c */
#define OP_UDIV 23 /* a = b udiv c */
#define OP_UREM 24 /* a = b urem c */
#define OP_ADD32_I 25 /* a = b add32-i immediate */
#define OP_ADD64_I 26 /* a = b add64-i immediate */
#define OP_SUB32_I 27 /* a = b sub32-i immediate */
#define OP_SUB64_I 28 /* a = b sub64-i immediate */
#define OP_MUL32_I 29 /* a = b mul32-i immediate */
#define OP_MUL64_I 30 /* a = b mul64-i immediate */
#define OP_SHL32_I 31 /* a = b shl32-i immediate */
#define OP_SHL64_I 32 /* a = b shl64-i immediate */
#define OP_ASHR32_I 33 /* a = b ashr32-i immediate */
#define OP_ASHR64_I 34 /* a = b ashr64-i immediate */
#define OP_SDIV32_I 35 /* a = b sdiv32-i immediate */
#define OP_SDIV64_I 36 /* a = b sdiv64-i immediate */
#define OP_SREM32_I 37 /* a = b srem32-i immediate */
#define OP_SREM64_I 38 /* a = b srem64-i immediate */
#define OP_AND_I 39 /* a = b and-i immediate */
#define OP_OR_I 40 /* a = b or-i immediate */
#define OP_XOR_I 41 /* a = b xor-i immediate */
#define OP_LSHR_I 42 /* a = b lshr-i immediate */
#define OP_UDIV_I 43 /* a = b udiv-i immediate */
#define OP_UREM_I 44 /* a = b urem-i immediate */
#define OP_RSUB32_I 45 /* a = immediate - b */
#define OP_RSUB64_I 46 /* a = immediate - b */
#define OP_SET_EQ 47 /* a = 1 if the comparison of b, c holds */
#define OP_SET_NE 48 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULT 49 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULE 50 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UGT 51 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UGE 52 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SLT32 53 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SLE32 54 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SGT32 55 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SGE32 56 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SLT64 57 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SLE64 58 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SGT64 59 /* a = 1 if the comparison of b, c holds */
#define OP_SET_SGE64 60 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OEQ_F 61 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLT_F 62 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLE_F 63 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ONE_F 64 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ORD_F 65 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UEQ_F 66 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULT_F 67 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULE_F 68 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNE_F 69 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNO_F 70 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OEQ_D 71 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLT_D 72 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLE_D 73 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ONE_D 74 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ORD_D 75 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UEQ_D 76 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULT_D 77 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULE_D 78 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNE_D 79 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNO_D 80 /* a = 1 if the comparison of b, c holds */
#define OP_SET_EQ_I 81 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_NE_I 82 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_ULT_I 83 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_ULE_I 84 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_UGT_I 85 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_UGE_I 86 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SLT32_I 87 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SLE32_I 88 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SGT32_I 89 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SGE32_I 90 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SLT64_I 91 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SLE64_I 92 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SGT64_I 93 /* a = 1 if the comparison of b, immediate holds */
#define OP_SET_SGE64_I 94 /* a = 1 if the comparison of b, immediate holds */
#define OP_BR_EQ 95 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_NE 96 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULT 97 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULE 98 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UGT 99 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UGE 100 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SLT32 101 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SLE32 102 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SGT32 103 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SGE32 104 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SLT64 105 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SLE64 106 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SGT64 107 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_SGE64 108 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OEQ_F 109 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OLT_F 110 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OLE_F 111 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ONE_F 112 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ORD_F 113 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UEQ_F 114 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULT_F 115 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULE_F 116 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UNE_F 117 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UNO_F 118 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OEQ_D 119 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OLT_D 120 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_OLE_D 121 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ONE_D 122 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ORD_D 123 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UEQ_D 124 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULT_D 125 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_ULE_D 126 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UNE_D 127 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_UNO_D 128 /* if the comparison of a, b holds: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_EQ_I 129 /* the same for a and c, a signed 16-bit number */
#define OP_BR_NE_I 130 /* the same for a and c, a signed 16-bit number */
#define OP_BR_ULT_I 131 /* the same for a and c, a signed 16-bit number */
#define OP_BR_ULE_I 132 /* the same for a and c, a signed 16-bit number */
#define OP_BR_UGT_I 133 /* the same for a and c, a signed 16-bit number */
#define OP_BR_UGE_I 134 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SLT32_I 135 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SLE32_I 136 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SGT32_I 137 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SGE32_I 138 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SLT64_I 139 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SLE64_I 140 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SGT64_I 141 /* the same for a and c, a signed 16-bit number */
#define OP_BR_SGE64_I 142 /* the same for a and c, a signed 16-bit number */
#define OP_SELECT 143 /* a = b ? c : d */
#define OP_SEXT32 144 /* a = b shifted left by immediate, then arithmetically right; to 32 or 64 bits */
#define OP_SEXT64 145 /* a = b shifted left by immediate, then arithmetically right; to 32 or 64 bits */
#define OP_ADD128 146 /* a = b add128 c */
#define OP_SUB128 147 /* a = b sub128 c */
#define OP_MUL128 148 /* a = b mul128 c */
#define OP_SHL128 149 /* a = b shl128 c */
#define OP_LSHR128 150 /* a = b lshr128 c */
#define OP_ASHR128 151 /* a = b ashr128 c */
#define OP_SET_EQ128 152 /* a = 1 if the comparison holds */
#define OP_SET_ULT128 153 /* a = 1 if the comparison holds */
#define OP_SET_ULE128 154 /* a = 1 if the comparison holds */
#define OP_SET_SLT128 155 /* a = 1 if the comparison holds */
#define OP_SET_SLE128 156 /* a = 1 if the comparison holds */
#define OP_ADDF 157 /* a = b addf c, as float or double */
#define OP_SUBF 158 /* a = b subf c, as float or double */
#define OP_MULF 159 /* a = b mulf c, as float or double */
#define OP_DIVF 160 /* a = b divf c, as float or double */
#define OP_ADDD 161 /* a = b addd c, as float or double */
#define OP_SUBD 162 /* a = b subd c, as float or double */
#define OP_MULD 163 /* a = b muld c, as float or double */
#define OP_DIVD 164 /* a = b divd c, as float or double */
#define OP_MULADDF 165 /* a = b * c + d, rounded twice (llvm.fmuladd without a fused instruction) */
#define OP_MULADDD 166 /* a = b * c + d, rounded twice (llvm.fmuladd without a fused instruction) */
#define OP_SQRTF 167 /* a = sqrtf(b) */
#define OP_SQRTD 168 /* a = sqrtd(b) */
#define OP_FTOD 169 /* a = ftod(b) */
#define OP_DTOF 170 /* a = dtof(b) */
#define OP_STOF 171 /* a = stof(b) */
#define OP_STOD 172 /* a = stod(b) */
#define OP_S32TOF 173 /* a = s32tof(b) */
#define OP_S32TOD 174 /* a = s32tod(b) */
#define OP_UTOF 175 /* a = utof(b) */
#define OP_UTOD 176 /* a = utod(b) */
#define OP_FTOS 177 /* a = ftos(b) */
#define OP_DTOS 178 /* a = dtos(b) */
#define OP_FTOU 179 /* a = ftou(b) */
#define OP_DTOU 180 /* a = dtou(b) */
#define OP_FPCLASSF 181 /* a = 1 if b is of a class in the immediate, as llvm.is.fpclass; q: its upper half */
#define OP_FPCLASSD 182 /* a = 1 if b is of a class in the immediate, as llvm.is.fpclass; q: its upper half */
#define OP_FPCLASSH 183 /* a = 1 if b is of a class in the immediate, as llvm.is.fpclass; q: its upper half */
#define OP_FPCLASSQ 184 /* a = 1 if b is of a class in the immediate, as llvm.is.fpclass; q: its upper half */
#define OP_ADDX 185 /* a = b addx c, as long double */
#define OP_SUBX 186 /* a = b subx c, as long double */
#define OP_MULX 187 /* a = b mulx c, as long double */
#define OP_DIVX 188 /* a = b divx c, as long double */
#define OP_SQRTX 189 /* a = sqrtx(b) */
#define OP_FTOX 190 /* a = ftox(b) */
#define OP_DTOX 191 /* a = dtox(b) */
#define OP_STOX 192 /* a = stox(b) */
#define OP_UTOX 193 /* a = utox(b) */
#define OP_XTOF 194 /* a = xtof(b) */
#define OP_XTOD 195 /* a = xtod(b) */
#define OP_XTOS 196 /* a = xtos(b) */
#define OP_XTOU 197 /* a = xtou(b) */
#define OP_SET_OEQ_X 198 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLT_X 199 /* a = 1 if the comparison of b, c holds */
#define OP_SET_OLE_X 200 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ONE_X 201 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ORD_X 202 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UEQ_X 203 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULT_X 204 /* a = 1 if the comparison of b, c holds */
#define OP_SET_ULE_X 205 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNE_X 206 /* a = 1 if the comparison of b, c holds */
#define OP_SET_UNO_X 207 /* a = 1 if the comparison of b, c holds */
#define OP_FPCLASSX 208 /* a = 1 if b is of a class in the immediate, as llvm.is.fpclass */
#define OP_CTPOP 209 /* a = bits set in b */
#define OP_CTLZ 210 /* a = ctlz of the low immediate bits of b */
#define OP_CTTZ 211 /* a = cttz of the low immediate bits of b */
#define OP_BITREVERSE 212 /* a = bitreverse of the low immediate bits of b */
#define OP_BSWAP 213 /* a = b with bytes swapped, shifted right by immediate */
#define OP_FSHL 214 /* a = fshl(b, c, amount d) of e bits */
#define OP_FSHR 215 /* a = fshr(b, c, amount d) of e bits */
#define OP_OVERFLOW 216 /* a = result, a + 1 = overflow flag; d: ARITH_…, e: bits */
#define OP_SATURATE 217 /* a = saturated result; d: ARITH_…, e: bits */
#define OP_LOAD8 218 /* a = memory at b + immediate */
#define OP_LOAD16 219 /* a = memory at b + immediate */
#define OP_LOAD32 220 /* a = memory at b + immediate */
#define OP_LOAD64 221 /* a = memory at b + immediate */
#define OP_LOAD8_X 222 /* a = memory at b + c * d + signed e */
#define OP_LOAD16_X 223 /* a = memory at b + c * d + signed e */
#define OP_LOAD32_X 224 /* a = memory at b + c * d + signed e */
#define OP_LOAD64_X 225 /* a = memory at b + c * d + signed e */
#define OP_LOAD8_W 226 /* the same with c a signed 32-bit index */
#define OP_LOAD16_W 227 /* the same with c a signed 32-bit index */
#define OP_LOAD32_W 228 /* the same with c a signed 32-bit index */
#define OP_LOAD64_W 229 /* the same with c a signed 32-bit index */
#define OP_LOAD_N 230 /* a = c bytes of memory at b + immediate */
#define OP_STORE8 231 /* memory at b + immediate = a */
#define OP_STORE16 232 /* memory at b + immediate = a */
#define OP_STORE32 233 /* memory at b + immediate = a */
#define OP_STORE64 234 /* memory at b + immediate = a */
#define OP_STORE8_X 235 /* memory at b + c * d + signed e = a */
#define OP_STORE16_X 236 /* memory at b + c * d + signed e = a */
#define OP_STORE32_X 237 /* memory at b + c * d + signed e = a */
#define OP_STORE64_X 238 /* memory at b + c * d + signed e = a */
#define OP_STORE8_W 239 /* the same with c a signed 32-bit index */
#define OP_STORE16_W 240 /* the same with c a signed 32-bit index */
#define OP_STORE32_W 241 /* the same with c a signed 32-bit index */
#define OP_STORE64_W 242 /* the same with c a signed 32-bit index */
#define OP_STORE_N 243 /* c bytes of memory at b + immediate = a */
#define OP_LEA_X 244 /* a = b + c * d + signed e; -w: c is a signed 32-bit index */
#define OP_LEA_W 245 /* a = b + c * d + signed e; -w: c is a signed 32-bit index */
#define OP_MEMCPY 246 /* memcpy(a, b, c bytes) */
#define OP_MEMMOVE 247 /* memmove(a, b, c bytes) */
#define OP_MEMSET 248 /* memset(a, b, c bytes) */
#define OP_MEMCPY_I 249 /* copy immediate bytes from b to a */
#define OP_ALLOCA 250 /* a = b fresh bytes, aligned to immediate, until this call returns */
#define OP_STACKSAVE 251 /* a = mark of the dynamic memory */
#define OP_STACKRESTORE 252 /* give back the dynamic memory taken since mark a */
#define OP_ATOMICRMW 253 /* a = old memory at b; memory = old ATOMIC d c; e bytes */
#define OP_CMPXCHG 254 /* a, a + 1 = old memory at b, whether it was c and became d; e bytes */
#define OP_ATOMICRMW128 255 /* the same with 16 bytes */
#define OP_CMPXCHG128 256 /* a = old memory at b; where it was c it becomes d; 16 bytes */
#define OP_FENCE 257 /* full memory barrier */
#define OP_JMP 258 /* go to d */
#define OP_BACK 259 /* count a back edge of the function, go to d */
#define OP_BACK_E 260 /* the same, and count edge e */
#define OP_BR_NZ 261 /* if a is not zero: count edge e, go to d; else count edge e ^ 1 */
#define OP_BR_Z 262 /* if a is zero: count edge e, go to d; else count edge e ^ 1 */
#define OP_SWITCH 263 /* d cases follow, after the default, as bytecode_case; sorted by value */
#define OP_RET 264 /* return nothing */
#define OP_RET1 265 /* return slot a */
#define OP_RET_N 266 /* return b slots, listed in the words that follow */
#define OP_TRAP 267 /* stop: unreachable code was reached */
#define OP_CALL 268 /* a.. = call of symbol d with b argument slots, listed in the words that follow; e: signature */
#define OP_CALL_R 269 /* the same for the address in c */
#define OP_SETJMP 270 /* a = call of symbol d, setjmp, with b argument slots in the words that follow; it may return again */
#define OP_VA_START 271 /* va_list at a; d: gp_offset | fp_offset << 16, e: bytes of named stack arguments */
#define OP_TSC 272 /* a = time stamp counter */
#define OP_FRAME_ADDRESS 273 /* a = an address in the interpreter's frame of this call */
#define OP_RETURN_ADDRESS 274 /* a = where this call came from: native code, or the interpreter */
#define OP_THREAD 275 /* a = thread pointer plus b, a thread-local symbol's distance to it */

/* Which operation may overflow or saturate. */
#define ARITH_SADD 0 /* signed addition */
#define ARITH_UADD 1 /* unsigned addition */
#define ARITH_SSUB 2 /* signed subtraction */
#define ARITH_USUB 3 /* unsigned subtraction */
#define ARITH_SMUL 4 /* signed multiplication */
#define ARITH_UMUL 5 /* unsigned multiplication */

/* The operation of an atomicrmw. */
#define ATOMIC_XCHG 0 /* xchg, as LLVM's atomicrmw */
#define ATOMIC_ADD 1 /* add, as LLVM's atomicrmw */
#define ATOMIC_SUB 2 /* sub, as LLVM's atomicrmw */
#define ATOMIC_AND 3 /* and, as LLVM's atomicrmw */
#define ATOMIC_NAND 4 /* nand, as LLVM's atomicrmw */
#define ATOMIC_OR 5 /* or, as LLVM's atomicrmw */
#define ATOMIC_XOR 6 /* xor, as LLVM's atomicrmw */
#define ATOMIC_MAX 7 /* max, as LLVM's atomicrmw */
#define ATOMIC_MIN 8 /* min, as LLVM's atomicrmw */
#define ATOMIC_UMAX 9 /* umax, as LLVM's atomicrmw */
#define ATOMIC_UMIN 10 /* umin, as LLVM's atomicrmw */
#define ATOMIC_FADD 11 /* fadd, as LLVM's atomicrmw */
#define ATOMIC_FSUB 12 /* fsub, as LLVM's atomicrmw */
#define ATOMIC_FMAX 13 /* fmax, as LLVM's atomicrmw */
#define ATOMIC_FMIN 14 /* fmin, as LLVM's atomicrmw */
#define ATOMIC_UINC_WRAP 15 /* uinc_wrap, as LLVM's atomicrmw */
#define ATOMIC_UDEC_WRAP 16 /* udec_wrap, as LLVM's atomicrmw */
#define ATOMIC_USUB_COND 17 /* usub_cond, as LLVM's atomicrmw */
#define ATOMIC_USUB_SAT 18 /* usub_sat, as LLVM's atomicrmw */

#endif
