/* SPDX-License-Identifier: MIT */
/* The angles of rotary position embedding, in double precision, without libm's tables. */
#ifndef TURNS_H
#define TURNS_H

#include <stdint.h>

/* e^-x for x from 0 to 1000. */
double turns_falling(double x);

/* base^(-2i / rotated) for each pair i. */
void turns_frequencies(double *frequencies, uint32_t rotated, double base);

/* For each pair the cosine and the sine of its angle at a position below 2^20. */
void turns_at(float *turns, const double *frequencies, uint32_t rotated, uint32_t position);

#endif
