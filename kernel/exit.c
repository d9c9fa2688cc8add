/* SPDX-License-Identifier: MIT */
/* Every way to end. A host believes a verdict only if the machine's exit status and the final record agree.
 */
#include "grow.h"
#include "x86.h"

#if defined(CONFIG_POWER_OFF) || defined(CONFIG_RESET)
#ifdef CONFIG_POWER_OFF
#define END_WORD "power off"
#else
#define END_WORD "reset"
#endif
/* Only after a workload that ended by itself: a fault is there to be read, and would come again. */
static void end_machine(uint32_t verdict, int32_t status) {
    if (verdict != VERDICT_EXITED)
        return;
    say_values("\nbareflow: " END_WORD ", verdict # status %\n", verdict, (uint64_t)status);
    console_flush();
    serial_drain(boot.com1);
    serial_drain(boot.com2);
    power_end();
    say("bareflow: this machine has no " END_WORD "\n");
}
#else
static void end_machine(uint32_t verdict, int32_t status) {
    (void)verdict, (void)status;
}
#endif

static void tell_host(uint32_t verdict, int32_t status) {
    struct final_record *const record = &wire_payload->final;
    console_flush();
    text_send();
    memset(record, 0, sizeof *record);
    record->verdict = verdict;
    record->status = status;
    record->tsc_hz = clock_hz;
    record->memory_used = memory_peak();
    record->page_faults = page_faults;
    memcpy(record->stamps, boot.stamps, sizeof record->stamps);
    wire_send(FRAME_FINAL, sizeof *record);
}

/* A growing image says it again and again: a host may come late, and frames of ours are not resent. */
_Noreturn static void halt(uint32_t verdict, int32_t status) {
#ifdef CONFIG_GROW
    for (;;) {
        const uint64_t begin = rdtsc(), second = clock_hz ? clock_hz : 2000000000;
        serial_drain(boot.com2);
        while (rdtsc() - begin < second)
            pause();
        tell_host(verdict, status);
    }
#else
    (void)verdict, (void)status;
    for (;;)
        __asm__ volatile("cli; hlt");
#endif
}

/* Tells the host, then QEMU; on a machine that has no debug-exit device, tells people and halts, or what the
 * recipe wants at the end. */
_Noreturn void finish(uint32_t verdict, int32_t status) {
    stamp(STAMP_END);
    tell_host(verdict, status);
    serial_drain(boot.com1);
    serial_drain(boot.com2);
    outb(DEBUG_EXIT_PORT, (uint8_t)verdict);
    end_machine(verdict, status);
    say_values("\nbareflow: halted, verdict # status %\n", verdict, (uint64_t)status);
    console_flush();
    halt(verdict, status);
}

/* The kernel met what cannot be. No formatting, no allocation. */
_Noreturn void panic(const char *sentence) {
    say("\nbareflow: panic: ");
    say(sentence);
    say("\n");
    finish(VERDICT_PANIC, 0);
}
