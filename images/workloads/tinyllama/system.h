/* SPDX-License-Identifier: MIT */
/* Two calls of the system without libc's wrappers, which would bring locks and the search for a vDSO along:
 * two kilobytes of code. x86-64, as all of this program. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdint.h>

/* Nanoseconds of a clock of clock_gettime. */
uint64_t system_clock_ns(int clock);

/* Has `handler` called for a signal; what it interrupts ends with EINTR. Where there are no signals, nothing.
 */
void system_on_signal(int number, void (*handler)(int));

#endif
