/* SPDX-License-Identifier: MIT */
/* Every way to end. A host believes a verdict only if the machine's exit status and the final record agree.
 */
#include "kernel.h"
#include "x86.h"

/* Tells the host, then QEMU; on a machine that has no debug-exit device, tells people and halts. */
_Noreturn void finish(uint32_t verdict, int32_t status) {
    stamp(STAMP_END);
    struct final_record record = {
        .verdict = verdict,
        .status = status,
        .tsc_hz = clock_hz,
        .memory_used = memory_peak(),
        .page_faults = page_faults,
    };
    memcpy(record.stamps, boot.stamps, sizeof record.stamps);
    console_flush();
    wire_send(FRAME_FINAL, &record, sizeof record, NULL, 0);
    serial_drain(boot.com1);
    serial_drain(boot.com2);
    outb(DEBUG_EXIT_PORT, (uint8_t)verdict);
    say("bareflow: halted, verdict ");
    say_hex(verdict);
    say(" status ");
    say_hex((uint32_t)status);
    say("\n");
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The kernel met what cannot be. No formatting, no allocation. */
_Noreturn void panic(const char *sentence) {
    say("bareflow: panic: ");
    say(sentence);
    say("\n");
    finish(VERDICT_PANIC, 0);
}
