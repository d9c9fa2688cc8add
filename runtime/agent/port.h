/* SPDX-License-Identifier: MIT */
/* The agent's byte port to the host, its clock and its timer: everything it asks of the system. */
#ifndef BAREFLOW_AGENT_PORT_H
#define BAREFLOW_AGENT_PORT_H

#include <stddef.h>
#include <stdint.h>

/* Open the port: the descriptor (a socket) that BAREFLOW_WIRE_FD names, or the device at BAREFLOW_WIRE. Both
 * are taken out of the environment. Returns 0, or -1 where there is none: then nobody is to be told anything.
 */
int bf_port_open(char **environment);
int bf_port_alive(void); /* 0 once the other end is gone for good */
size_t bf_port_read(void *context, uint8_t *bytes, size_t n);
size_t bf_port_write(void *context, const uint8_t *bytes, size_t n);
void bf_port_wait(uint32_t ms); /* until something arrives */

/* What the console said from `offset` on: a text_mark and its bytes, or 0 where there is nothing yet, or
 * where the system keeps none. Without room it is told that the host has everything before `offset`. */
size_t bf_port_text(void *bytes, size_t n, uint64_t offset);
/* Bytes of standard input, from `offset` on. */
void bf_port_type(const void *bytes, size_t n, uint64_t offset);

/* A number that no other run has, but for chance; never 0. */
uint64_t bf_run_identity(void);
uint64_t bf_clock_ns(void); /* monotonic; 0: there is no clock */
uint64_t bf_clock_us(void); /* the same, or guessed from the TSC; never 0 */

/* Have `tick(address)` called from a signal handler from now on. Returns 0, or -1 where the kernel has no
 * signals. */
int bf_timer_prepare(void (*tick)(uint64_t interrupted));
/* In `first` microseconds and every `us` from then on; 0, 0 stops it. Returns 0, or -1 where there is no
 * timer. */
int bf_timer_start(uint32_t first, uint32_t us);

/* Whether ticks are signals that end what the workload waits in: on Linux, not in our kernel. */
int bf_ticks_interrupt(void);
/* No tick from now on, for this thread. Returns 0 where there was none to be held back. */
int bf_ticks_hold(void);
void bf_ticks_release(void);
/* Whether they are held: if the workload runs all the same, it does so in a handler or has left it by
 * longjmp. */
extern int bf_ticks_held;

/* Memory for code within 2 GiB of address 0, near `hint`: readable and executable. NULL: none. */
void *bf_code_memory(uint64_t hint, uint64_t size);
/* Make whole pages around a range writable, or executable; never both. Returns 0 or a negative error. */
int bf_code_writable(uint64_t start, uint64_t end, int writable);

#endif
