/* SPDX-License-Identifier: MIT */
/* The agent: code inside a growing program that counts and times its calls, talks to the host, and lets
 * better code take over. It is linked into the workload and needs neither libc nor threads: system calls
 * only, fixed memory, general registers only (the workload's vector registers are never touched).
 *
 *   stub       (generated)  counts down; jumps through the slot, or into bf_slow when the count is used up
 *   slow path  (slow.c)     in the workload's context: re-arms the counter, finds hot functions, times calls
 *   tick       (agent.c)    in a signal handler: polls the wire, receives code, publishes, reports
 *
 * The slow path runs with `busy` set, and a tick that finds it set goes away again: so each sees the other's
 * data whole. The tick runs to its end before the workload goes on. One thread; calls made by others are
 * counted (not exactly) and not timed. */
#ifndef BAREFLOW_AGENT_H
#define BAREFLOW_AGENT_H

#include <stdint.h>

#include "bareflow/gen/growth.h"

#define BF_NEVER UINT64_MAX

/* Generated for each program. Slot and stats `functions` are the agent's own, for calibration. */
extern const struct growth_program bf_program;
extern struct slot bf_slots[];
extern struct function_stats bf_stats[];
extern struct tier_times bf_times[][GROWTH_TIERS];
void bf_calibrate(void); /* the stub of that last slot */

/* A call whose return address was replaced by bf_timing_return. */
struct bf_timed_call {
    uint64_t start; /* TSC; written by bf_slow as its last act */
    uint64_t *slot; /* where on the stack the return address stands; NULL: free */
    uint64_t real;  /* what stood there */
    uint64_t ticks; /* agent_cycles when it began */
    uint64_t weight;
    uint32_t function, tier;
    uint32_t candidate; /* + 1, of a trial; 0: none */
};

#define BF_TIMED_CALLS 64
#define BF_HOT_QUEUE 256
#define BF_SAMPLE_QUEUE 256

struct bf_agent {
    volatile uint32_t busy; /* the slow path is at work */
    uint32_t ticking;       /* a timer calls bf_tick */
    uint64_t stack_low, stack_high;
    uint64_t agent_cycles; /* spent in ticks so far: taken out of timed calls */
    uint64_t overhead;     /* cycles that timing a call adds */

    /* Queues: filled by the slow path, emptied by the tick; counts are free-running. */
    uint32_t hot[BF_HOT_QUEUE], hot_in, hot_out;
    struct time_sample samples[BF_SAMPLE_QUEUE];
    uint32_t samples_in, samples_out;
    uint64_t samples_dropped;
    struct bf_timed_call timed[BF_TIMED_CALLS];
};
extern struct bf_agent bf_agent;

/* entry.S */
void bf_slow(void);          /* jumped to by stubs, index in r11d (GROWTH_SELF set: a call to itself) */
void bf_timing_return(void); /* where a timed call returns to */
void bf_signal_return(void); /* the signal handler's restorer */

/* slow.c */
struct bf_timed_call *bf_slow_path(uint32_t which, uint64_t *return_slot);
uint64_t bf_timed_return(uint64_t now, uint64_t *return_slot);
uint64_t bf_calls(uint32_t function,
                  uint64_t *self_calls); /* calls so far, those from outside; own by pointer */
void bf_rearm(uint32_t function);        /* have the next call looked at: its code or threshold is new */
void bf_calibrate_timing(void);
void bf_back_edges(uint32_t function, uint64_t count); /* from the interpreter: iterations so far */

/* agent.c */
void bf_kick(void); /* there is something to say: tick soon, and often for a while */
void bf_poll(void); /* what a tick does; from the slow path where there is no timer */

static inline uint64_t bf_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
