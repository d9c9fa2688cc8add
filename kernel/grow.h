/* SPDX-License-Identifier: MIT */
/* What a program that handles signals has (CONFIG_SIGNALS): their delivery, and timers that interrupt it; and
 * what only a growing image has besides (CONFIG_GROW): the wire as a file. */
#ifndef KERNEL_GROW_H
#define KERNEL_GROW_H

/* Interrupt vectors: the local APIC's timer, COM2, and what it delivers where an interrupt went away
 * meanwhile. */
#define VECTOR_TIMER 0x40
#define VECTOR_WIRE 0x41
#define VECTOR_SPURIOUS 0xff

#define SIGTICK 63 /* the agent's ticks; runtime/agent/sys.h SYS_SIGTICK */

#ifndef __ASSEMBLER__
#include "kernel.h"

#if defined(CONFIG_GROW) && !defined(CONFIG_SIGNALS)
#error "the feature grow needs signals"
#endif

#ifdef CONFIG_SIGNALS
/* signal.c */
void signal_raise(unsigned number);                       /* to be delivered when the workload goes on */
bool signal_fault(struct frame *frame, uint64_t address); /* an exception; false: nobody handles it */
void signal_leave(struct frame *frame);                   /* before every return to the workload */
bool signal_due(void);                                    /* one waits that ends a call of the workload's */

/* timer.c */
bool timer_armed(void);                   /* interrupts are wanted while the workload runs */
void timer_signal_taken(unsigned number); /* its handler begins: a repeating timer runs again from here */
void timer_pause(bool paused);            /* around what lets interrupts through: the firmware's disk calls */
void timer_watch(void);                   /* within a call, which nothing interrupts: what is due is due */
void interrupt_handle(struct frame *frame);
extern uint8_t interrupt_timer[], interrupt_spurious[]; /* interrupt.S */
#else
static inline void timer_pause(bool paused) {
    (void)paused;
}
#endif

#ifdef CONFIG_GROW
/* timer.c */
bool ioapic_route(unsigned line,
                  unsigned vector); /* an ISA interrupt to this processor; false: it cannot be */

/* tty.c */
#define TTY_LINE (boot.com2 & 0x100 ? 4 : 3) /* as PCs have it: COM1's, COM2's */
bool tty_named(const char *path);
void tty_open(void);
void tty_interrupts_on(void);
void tty_interrupt(void);
void tty_pause(bool paused);
void tty_announce(bool on); /* SIGIO when a frame has come */
int64_t tty_read(uint8_t *bytes, uint64_t count);
int64_t tty_write(const uint8_t *bytes, uint64_t count);
void tty_break(void); /* ends the frame that the workload has begun, so that one of ours can follow */

/* text.c. Without a console of its own, text is within frames. */
#define ONE_PORT (!boot.com1)
void text_wanted(void);                        /* there is no other way for it */
void text_keep(uint8_t byte, unsigned stream); /* may send what the agent has not taken for too long */
void text_send(void); /* the guest ends: whatever may not have arrived, and the end */
int64_t text_read(uint8_t *bytes, uint64_t count, uint64_t offset);
int64_t text_type(const uint8_t *bytes, uint64_t count, uint64_t offset);
int text_typed(void); /* a byte of input, or -1 */

/* vport.c */
bool vport_named(const char *path);
bool vport_open(void); /* false: there is none */
int64_t vport_read(uint8_t *bytes, uint64_t count);
int64_t vport_write(const uint8_t *bytes, uint64_t count);

extern uint8_t interrupt_wire[]; /* interrupt.S */
#else
static inline void tty_interrupts_on(void) {}

static inline void tty_pause(bool paused) {
    (void)paused;
}

static inline void tty_break(void) {}

#define ONE_PORT false

static inline void text_keep(uint8_t byte, unsigned stream) {
    (void)byte, (void)stream;
}

static inline void text_send(void) {}

static inline int text_typed(void) {
    return -1;
}
#endif
#endif

#endif
