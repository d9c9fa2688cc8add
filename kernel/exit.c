/* SPDX-License-Identifier: MIT */
/* Every way to end. A host believes a verdict only if the machine's exit status and the final record agree.
 */
#include "kernel.h"
#include "x86.h"

/* Tells the host, then QEMU; on a machine that has no debug-exit device, tells people and halts. */
_Noreturn void finish(uint32_t verdict, int32_t status) {
    struct final_record *const record = &wire_payload->final;
    stamp(STAMP_END);
    console_flush();
    memset(record, 0, sizeof *record);
    record->verdict = verdict;
    record->status = status;
    record->tsc_hz = clock_hz;
    record->memory_used = memory_peak();
    record->page_faults = page_faults;
    memcpy(record->stamps, boot.stamps, sizeof record->stamps);
    wire_send(FRAME_FINAL, sizeof *record);
    serial_drain(boot.com1);
    serial_drain(boot.com2);
    outb(DEBUG_EXIT_PORT, (uint8_t)verdict);
    say_values("\nbareflow: halted, verdict # status %\n", verdict, (uint64_t)status);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The kernel met what cannot be. No formatting, no allocation. */
_Noreturn void panic(const char *sentence) {
    say("\nbareflow: panic: ");
    say(sentence);
    say("\n");
    finish(VERDICT_PANIC, 0);
}
