/* SPDX-License-Identifier: MIT */
/* kernels_avx2.c with groups of twice as many rows: activations are loaded half as often. */

#define VECTORS 2
#define NAME(x) x##_avx2x2
#define NAME_TEXT "avx2x2"

#include "kernels_avx2.c"
