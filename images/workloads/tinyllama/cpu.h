/* SPDX-License-Identifier: MIT */
/* What this CPU offers, and its time stamps. */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stdint.h>

enum cpu_level { CPU_SSE41, CPU_AVX2 /* with FMA and F16C */, CPU_AVX512 /* F, BW, DQ, VL and VNNI */ };

/* Whether the CPU has a level's instructions and the system saves their registers. */
bool cpu_offers(enum cpu_level level);

/* A counter that rises with time, for comparisons only. */
uint64_t cpu_ticks(void);

#endif
