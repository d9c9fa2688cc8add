/* SPDX-License-Identifier: MIT */
/* Interval timers: the interrupts there are, from the local APIC's timer and COM2, come only while the
 * workload runs. System calls and traps run to their end with interrupts off. Source: SDM volume 3,
 * chapter 11. */
#ifdef CONFIG_SIGNALS
#include "grow.h"
#include "x86.h"

#define APIC_BASE_MSR 0x1b
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define X2APIC_MSR 0x800u
#define LEAF1_EDX_APIC (1u << 9)
#define WINDOW_PAGE 511 /* the last that the kernel's page table maps: the APIC's registers */
#define IOAPIC_PAGE 510
#define IOAPIC_BASE 0xfec00000ull /* where every PC has the first */
#define IOAPIC_VERSION 1
#define PTE_UNCACHED 0x18ull

enum {
    END_OF_INTERRUPT = 0xb0,
    SPURIOUS = 0xf0,
    TIMER = 0x320,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0
};
#define APIC_ENABLE 0x100u
#define TIMER_MASKED 0x10000u
#define DIVIDE_BY_1 0xbu

#define PIC_MASTER 0x21
#define PIC_SLAVE 0xa1
#define FLAG_INTERRUPTS 0x200u
#define GATES 256
#ifdef CONFIG_GROW
#define TIMERS 4 /* the last is the agent's own, in runtime/agent/sys.h SYS_ITIMER_TICK */
#else
#define TIMERS 3
#endif
#define NS 1000000000ull
#define CALIBRATION (1u << 22) /* TSC ticks */

struct timer {
    uint64_t next, interval; /* TSC ticks; `interval` 0: once */
    bool running, expired;   /* expired: its signal waits to be taken */
};

static const uint8_t signals[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGTICK};
static struct timer timers[TIMERS];
static uint64_t gates[2 * GATES] __attribute__((aligned(16)));
static uint64_t apic_counts; /* of the APIC's timer in CALIBRATION TSC ticks; 0: not ready */
static uint8_t pic_masks[2];
static bool draining;

static void apic_write(unsigned which, uint32_t value) {
    if (rdmsr(APIC_BASE_MSR) & APIC_BASE_X2APIC)
        wrmsr(X2APIC_MSR + (which >> 4), value);
    else
        *(volatile uint32_t *)(kernel_start + WINDOW_PAGE * PAGE_SIZE + which) = value;
}

static uint32_t apic_read(unsigned which) {
    if (rdmsr(APIC_BASE_MSR) & APIC_BASE_X2APIC)
        return (uint32_t)rdmsr(X2APIC_MSR + (which >> 4));
    return *(volatile uint32_t *)(kernel_start + WINDOW_PAGE * PAGE_SIZE + which);
}

/* An interrupt gate on the stack of traps (SDM volume 3, 6.14). */
static void gate_set(unsigned vector, const uint8_t *entry) {
    const uint64_t at = (uint64_t)entry;
    gates[2 * vector] =
        (at & 0xffff) | (uint64_t)KERNEL_CS << 16 | 0x8e01ull << 32 | (at >> 16 & 0xffff) << 48;
    gates[2 * vector + 1] = at >> 32;
}

/* A table with room for interrupts takes the place of that of exceptions, whose gates it keeps. */
static void gates_init(void) {
    struct __attribute__((packed)) {
        uint16_t limit;
        const void *base;
    } table;
    __asm__ volatile("sidt %0" : "=m"(table));
    memcpy(gates, table.base, table.limit + 1u);
    gate_set(VECTOR_TIMER, interrupt_timer);
#ifdef CONFIG_GROW
    gate_set(VECTOR_WIRE, interrupt_wire);
#endif
    gate_set(VECTOR_SPURIOUS, interrupt_spurious);
    table.limit = sizeof gates - 1;
    table.base = gates;
    __asm__ volatile("lidt %0" : : "m"(table));
}

/* How fast the timer counts: it says so nowhere. */
static uint64_t calibrate(void) {
    apic_write(DIVIDE, DIVIDE_BY_1);
    apic_write(TIMER, TIMER_MASKED | VECTOR_TIMER);
    apic_write(INITIAL, ~0u);
    const uint64_t start = rdtsc();
    while (rdtsc() - start < CALIBRATION)
        pause();
    const uint64_t counts = ~0u - apic_read(CURRENT);
    const uint64_t ticks = rdtsc() - start;
    apic_write(INITIAL, 0);
    return counts * CALIBRATION / ticks;
}

static void pic_mask(void) {
    pic_masks[0] = inb(PIC_MASTER);
    pic_masks[1] = inb(PIC_SLAVE);
    outb(PIC_MASTER, 0xff);
    outb(PIC_SLAVE, 0xff);
}

/* On first use; false: this machine has no local APIC. */
static bool timer_init(void) {
    if (apic_counts)
        return true;
    if (!(cpu_words[CPUID_WORD_1_EDX] & LEAF1_EDX_APIC))
        return false;
    const uint64_t base = rdmsr(APIC_BASE_MSR);
    wrmsr(APIC_BASE_MSR, base | APIC_BASE_ENABLE);
    kernel_pt[WINDOW_PAGE] = (base & PTE_ADDRESS) | PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | PTE_NX;
    flush_translations();
    gates_init();
    apic_write(SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
    wrmsr(MSR_FMASK, rdmsr(MSR_FMASK) | FLAG_INTERRUPTS); /* system calls begin with interrupts off */
    clock_ns();                                           /* finds the TSC's rate */
    apic_counts = calibrate();
    if (apic_counts) {
        pic_mask();
        apic_write(TIMER, VECTOR_TIMER);
        tty_interrupts_on();
    }
    return apic_counts;
}

bool timer_armed(void) {
    for (unsigned i = 0; i < TIMERS; i++)
        if (timers[i].running)
            return true;
    return false;
}

/* Sets the APIC's timer to the first that is due. It may come early, and is then set again. */
static void program(void) {
    const uint64_t now = rdtsc();
    uint64_t left = ~0ull;
    for (unsigned i = 0; i < TIMERS; i++) {
        const uint64_t wait = timers[i].next > now ? timers[i].next - now : 0;
        if (timers[i].running && wait < left)
            left = wait;
    }
    if (left == ~0ull) {
        apic_write(INITIAL, 0);
        return;
    }
    if (left > clock_hz)
        left = clock_hz;
    const uint64_t counts = left * apic_counts / CALIBRATION + 1;
    apic_write(INITIAL, counts > ~0u ? ~0u : (uint32_t)counts);
}

static void expire(void) {
    const uint64_t now = rdtsc();
    for (unsigned i = 0; i < TIMERS; i++)
        if (timers[i].running && timers[i].next <= now) {
            timers[i].running = false;
            timers[i].expired = true;
            signal_raise(signals[i]);
        }
    program();
}

void interrupt_handle(struct frame *frame) {
    apic_write(END_OF_INTERRUPT, 0);
    if (draining)
        return;
#ifdef CONFIG_GROW
    if (frame->vector == VECTOR_WIRE)
        tty_interrupt();
    else
#endif
        expire();
    signal_leave(frame);
}

void timer_watch(void) {
    if (timer_armed())
        expire();
}

#ifdef CONFIG_GROW
/* Redirection entries are two registers each, from 0x10 on; the upper one names the processor. */
bool ioapic_route(unsigned line, unsigned vector) {
    volatile uint32_t *const window = (void *)(kernel_start + IOAPIC_PAGE * PAGE_SIZE);
    kernel_pt[IOAPIC_PAGE] = IOAPIC_BASE | PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | PTE_NX;
    flush_translations();
    window[0] = IOAPIC_VERSION;
    const uint32_t version = window[4];
    if (version == ~0u || (version >> 16 & 255) < line)
        return false;
    window[0] = 0x11 + 2 * line;
    window[4] = cpuid(1, 0).ebx & 0xff000000;
    window[0] = 0x10 + 2 * line;
    window[4] = vector; /* edge, active high, fixed */
    return true;
}
#endif

void timer_signal_taken(unsigned number) {
    for (unsigned i = 0; i < TIMERS; i++)
        if (signals[i] == number && timers[i].expired) {
            timers[i].expired = false;
            timers[i].running = timers[i].interval;
            timers[i].next = rdtsc() + timers[i].interval;
            program();
        }
}

/* The firmware is to see the interrupt controllers as it left them; ours it would take for one of its own. */
void timer_pause(bool paused) {
    if (!apic_counts)
        return;
    if (!paused) {
        pic_mask();
        apic_write(TIMER, VECTOR_TIMER);
        tty_pause(false);
        program();
        return;
    }
    tty_pause(true);
    apic_write(INITIAL, 0);
    apic_write(TIMER, TIMER_MASKED | VECTOR_TIMER);
    draining = true; /* what has come already is taken here, and comes again afterwards */
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    draining = false;
    outb(PIC_MASTER, pic_masks[0]);
    outb(PIC_SLAVE, pic_masks[1]);
}

static uint64_t ticks_of(const struct timeval *time) {
    return (uint64_t)time->seconds * clock_hz + (uint64_t)time->microseconds * clock_hz / 1000000;
}

static struct timeval time_of(uint64_t ticks) {
    const uint64_t us = ticks / clock_hz * 1000000 + (ticks % clock_hz * 1000000 + clock_hz / 2) / clock_hz;
    return (struct timeval){(int64_t)(us / 1000000), (int64_t)(us % 1000000)};
}

static bool is_time(const struct timeval *time) {
    return time->seconds >= 0 && time->seconds <= 1 << 24 && (uint64_t)time->microseconds < 1000000;
}

int64_t sys_getitimer(uint64_t which, struct itimerval *out) {
    if (which >= TIMERS)
        return -EINVAL;
    const struct timer *const timer = &timers[which];
    *out = (struct itimerval){{0, 0}, {0, 0}};
    if (!clock_hz)
        return 0;
    const uint64_t now = rdtsc();
    out->interval = time_of(timer->interval);
    if (timer->running || (timer->expired && timer->interval))
        out->value = time_of(timer->next > now ? timer->next - now : 1);
    return 0;
}

/* All three count real time: there is one program, and it always runs. */
int64_t sys_setitimer(uint64_t which, const struct itimerval *wanted, struct itimerval *old) {
    if (which >= TIMERS || !wanted || !is_time(&wanted->value) || !is_time(&wanted->interval))
        return -EINVAL;
    const struct itimerval given = *wanted;
    if (!timer_init())
        return -ENOSYS;
    if (old)
        sys_getitimer(which, old);
    struct timer *const timer = &timers[which];
    const uint64_t value = ticks_of(&given.value);
    timer->interval = ticks_of(&given.interval);
    timer->next = rdtsc() + value;
    timer->running = value;
    timer->expired = false;
    program();
    return 0;
}
#endif
