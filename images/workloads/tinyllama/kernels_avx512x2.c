/* SPDX-License-Identifier: MIT */
/* kernels_avx512.c with groups of twice as many rows: activations are loaded half as often. */

#define VECTORS 2
#define NAME(x) x##_avx512x2
#define NAME_TEXT "avx512x2"

#include "kernels_avx512.c"
