/* SPDX-License-Identifier: MIT */
/* Series that are right to about 1e-15 in the ranges that occur here. */

#include "turns.h"
#include "text.h"

SMALL_BEGIN

#define LN2 0.69314718055994530942

/* ln x for x of at least 1: x = m 2^n, and ln m = 2 artanh((m - 1) / (m + 1)). */
static double logarithm(double x) {
    int n = 0;
    for (; x > 1.4142135623730951; n++)
        x /= 2;
    const double s = (x - 1) / (x + 1), square = s * s;
    double sum = 0;
    for (int k = 25; k > 0; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * s * sum + n * LN2;
}

double turns_falling(double x) {
    const int n = (int)(x / LN2);
    const double rest = n * LN2 - x;
    double sum = 1;
    for (int k = 20; k > 0; k--)
        sum = 1 + sum * rest / k;
    for (int i = 0; i < n; i++)
        sum /= 2;
    return sum;
}

void turns_frequencies(double *frequencies, uint32_t rotated, double base) {
    const double rate = logarithm(base);
    for (uint32_t i = 0; i < rotated / 2; i++)
        frequencies[i] = turns_falling(rate * 2 * i / rotated);
}

/* Quarter turns are taken off in two parts, the first so short that its multiples are exact. */
void turns_at(float *turns, const double *frequencies, uint32_t rotated, uint32_t position) {
    for (uint32_t i = 0; i < rotated / 2; i++) {
        const double angle = position * frequencies[i];
        const int64_t quarters = (int64_t)(angle * 0.63661977236758134308 + 0.5);
        const double r =
            angle - (double)quarters * 1.57079632673412561417 - (double)quarters * 6.07710050650619224932e-11;
        const double square = r * r;
        double sine = 1, cosine = 1;
        for (int k = 16; k > 0; k -= 2) {
            sine = 1 - sine * square / (k * (k + 1));
            cosine = 1 - cosine * square / (k * (k - 1));
        }
        sine *= r;
        const double pair[2] = {quarters & 1 ? -sine : cosine, quarters & 1 ? cosine : sine};
        const float sign = quarters & 2 ? -1.0f : 1.0f;
        turns[2 * i] = sign * (float)pair[0];
        turns[2 * i + 1] = sign * (float)pair[1];
    }
}

SMALL_END
