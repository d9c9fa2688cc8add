/* SPDX-License-Identifier: MIT */
/* Time: the time stamp counter, its rate found on first use, and the CMOS clock for the date. */
#include "grow.h"
#include "x86.h"

uint64_t clock_hz;

#ifdef CONFIG_CLOCK
#define NS 1000000000ull
#define PIT_HZ 1193182u
#define PIT_TICKS (PIT_HZ / 100)
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61
#define HYPERVISOR_LEAF 0x40000000u
#define CMOS_SELECT 0x70
#define CMOS_DATA 0x71
#define PATIENCE 10000000u /* polls of a device that may not be there */

/* Counts TSC ticks while the PIT's channel 2 counts down 10 ms. Source: Intel 8254 data sheet. */
static uint64_t measure(void) {
    outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1); /* gate on, speaker off */
    outb(PIT_COMMAND, 0xb0);                  /* channel 2, low byte then high byte, one shot */
    outb(PIT_CHANNEL_2, PIT_TICKS & 255);
    outb(PIT_CHANNEL_2, PIT_TICKS >> 8);
    const uint64_t start = rdtsc();
    for (unsigned i = 0; i < PATIENCE && !(inb(PIT_GATE) & 0x20); i++)
        ;
    return (rdtsc() - start) * PIT_HZ / PIT_TICKS;
}

/* What CPUID or the hypervisor says, else a measurement. SDM volume 2, leaves 15h and 16h; leaf 40000010h is
 * VMware's, which KVM and QEMU offer too: kHz in eax. */
static uint64_t find_hz(void) {
    const uint32_t leaves = cpuid(0, 0).eax;
    if (leaves >= 0x15) {
        const struct cpuid ratio = cpuid(0x15, 0);
        if (ratio.eax && ratio.ebx && ratio.ecx)
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
    }
    if (cpuid(1, 0).ecx >> 31 && cpuid(HYPERVISOR_LEAF, 0).eax >= HYPERVISOR_LEAF + 16) {
        const uint32_t khz = cpuid(HYPERVISOR_LEAF + 16, 0).eax;
        if (khz)
            return khz * 1000ull;
    }
    if (leaves >= 0x16 && (uint16_t)cpuid(0x16, 0).eax)
        return (uint16_t)cpuid(0x16, 0).eax * 1000000ull;
    return measure();
}

static uint64_t ticks_to_ns(uint64_t ticks) {
    if (!clock_hz)
        clock_hz = find_hz();
    return ticks / clock_hz * NS + ticks % clock_hz * NS / clock_hz;
}

uint64_t clock_ns(void) {
    const uint64_t start = boot.stamps[STAMP_KERNEL];
    return ticks_to_ns(rdtsc() - start);
}

static uint8_t cmos(uint8_t which) {
    outb(CMOS_SELECT, which);
    return inb(CMOS_DATA);
}

static unsigned cmos_number(uint8_t which, bool binary) {
    const uint8_t value = cmos(which);
    return binary ? value : (value >> 4) * 10u + (value & 15);
}

/* Seconds since 1970 as the clock on the board has them, taken as UTC. Source: Motorola MC146818 data sheet.
 */
static uint64_t date_read(void) {
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    for (unsigned i = 0; i < PATIENCE && cmos(10) & 0x80; i++)
        ; /* an update is under way */
    const bool binary = cmos(11) & 4;
    const unsigned years = 30 + cmos_number(9, binary), month = cmos_number(8, binary); /* from 1970 */
    uint64_t days = years * 365u + (years + 1) / 4 + before[(month - 1) % 12] + cmos_number(7, binary) - 1;
    if (month > 2 && (years + 2) % 4 == 0)
        days++;
    return ((days * 24 + cmos_number(4, binary)) * 60 + cmos_number(2, binary)) * 60 + cmos_number(0, binary);
}

/* Nanoseconds of the clock: since 1970 for CLOCK_REALTIME and its coarse form, else since boot. */
static uint64_t now(uint64_t clock) {
    static uint64_t boot_date_ns;
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return clock_ns();
    if (!boot_date_ns)
        boot_date_ns = date_read() * NS - clock_ns();
    return boot_date_ns + clock_ns();
}

int64_t sys_clock_gettime(uint64_t clock, struct timespec *out) {
    const uint64_t ns = now(clock);
    if (clock > CLOCK_TAI)
        return -EINVAL;
    *out = (struct timespec){(int64_t)(ns / NS), (int64_t)(ns % NS)};
    return 0;
}

int64_t sys_clock_getres(uint64_t clock, struct timespec *out) {
    if (clock > CLOCK_TAI)
        return -EINVAL;
    if (out)
        *out = (struct timespec){0, 1};
    return 0;
}

int64_t sys_gettimeofday(struct timeval *out) {
    const uint64_t us = now(CLOCK_REALTIME) / 1000;
    if (out)
        *out = (struct timeval){(int64_t)(us / 1000000), (int64_t)(us % 1000000)};
    return 0;
}

int64_t sys_time(int64_t *out) {
    const int64_t seconds = (int64_t)(now(CLOCK_REALTIME) / NS);
    if (out)
        *out = seconds;
    return seconds;
}

/* Whether a handler of the program's own has something to do. */
static bool interrupted(void) {
#ifdef CONFIG_SIGNALS
    timer_watch();
    return signal_due();
#else
    return false;
#endif
}

/* Sleeps by watching the clock, and the timers: interrupts are off. */
int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, const struct timespec *wanted,
                            struct timespec *left) {
    if (wanted->seconds < 0 || (uint64_t)wanted->nanoseconds >= NS)
        return -EINVAL;
    const uint64_t length = (uint64_t)wanted->seconds * NS + (uint64_t)wanted->nanoseconds;
    const uint64_t end = flags & TIMER_ABSTIME ? length : now(clock) + length;
    console_flush();
    for (; now(clock) < end; pause())
        if (interrupted()) {
            const uint64_t rest = now(clock) < end ? end - now(clock) : 0;
            if (left && !(flags & TIMER_ABSTIME))
                *left = (struct timespec){(int64_t)(rest / NS), (int64_t)(rest % NS)};
            return -EINTR;
        }
    return 0;
}

int64_t sys_nanosleep(const struct timespec *wanted, struct timespec *left) {
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
}

int64_t sys_getrusage(uint64_t who, struct rusage *out) {
    const uint64_t us = clock_ns() / 1000;
    (void)who;
    *out = (struct rusage){
        .user = {(int64_t)(us / 1000000), (int64_t)(us % 1000000)},
        .max_resident_kb = (int64_t)(memory_peak() / 1024),
        .minor_faults = (int64_t)page_faults,
    };
    return 0;
}

/* All time is the program's own, in hundredths of a second; null asks for the result only. */
int64_t sys_times(int64_t *out) {
    const int64_t ticks = (int64_t)(clock_ns() / 10000000);
    for (unsigned i = 0; out && i < 4; i++)
        out[i] = i ? 0 : ticks;
    return ticks;
}

int64_t sys_sysinfo(struct sysinfo *out) {
    *out = (struct sysinfo){
        .uptime = (int64_t)(clock_ns() / NS),
        .total = memory_total(),
        .free = memory_free(),
        .processes = 1,
        .unit = 1,
    };
    return 0;
}
#endif
