/* SPDX-License-Identifier: MIT */
/* Time from the time stamp counter. */
#include "kernel.h"

uint64_t clock_hz;
