/* SPDX-License-Identifier: MIT */
/* CPU exceptions: a page for the stack, -EFAULT for a system call's bad pointer, or the guest's end with a
 * report that the host turns into a symbolised backtrace. */
#include "grow.h"
#include "x86.h"

#define VECTOR_PROTECTION 13 /* in the kernel: an address that is not canonical */
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u
#define STACK_GUARD_REACH 0x100000u /* a large frame may jump over the guard page itself */

/* SDM volume 3, table 6-1, by number; people know the rest by theirs. */
static const char names[] =
    "divide error\0debug\0NMI\0breakpoint\0\0\0invalid opcode\0\0double fault\0\0\0\0\0"
    "general protection\0\0\0x87 error\0misaligned access\0machine check\0SIMD error\0\0";

static const char *name_of(const struct frame *frame, uint64_t address) {
    if (frame->vector != VECTOR_PAGE_FAULT)
        return text_at(names, (unsigned)frame->vector);
    if (address < PAGE_SIZE)
        return "null pointer";
    if (address - (stack_bottom - STACK_GUARD_REACH) < STACK_GUARD_REACH)
        return "stack overflow";
    if (!(frame->error & FAULT_PRESENT))
        return "unmapped memory";
    return frame->error & FAULT_FETCH ? "execution of data" : "write to read-only memory";
}

/* Puts words of the stack behind the record; false: none of them can be read. Those that cannot are zero:
 * after a stack overflow the nearest to rsp. */
static bool trap_words(uint64_t at) {
    bool any = false;
    for (unsigned i = 0; i < TRAP_STACK_WORDS; i++) {
        const uint64_t physical = space_physical(at + 8 * i);
        wire_payload->trap.words[i] = physical ? *(uint64_t *)direct(physical) : 0;
        any |= physical;
    }
    return any;
}

static void trap_send(const struct frame *frame, uint64_t address) {
    struct trap_record *const record = &wire_payload->trap.record;
    console_flush();
    record->vector = (uint32_t)frame->vector;
    record->stack_words = TRAP_STACK_WORDS;
    record->reserved = 0;
    record->error_code = frame->error;
    record->rip = frame->rip;
    record->rflags = frame->rflags;
    record->cr2 = address;
    record->cr3 = read_cr3();
    memcpy(record->registers, frame, sizeof record->registers);
    record->registers[4] = frame->rsp;
    for (unsigned first = 0; first < TRAP_STACK_FRAMES * TRAP_STACK_WORDS; first += TRAP_STACK_WORDS) {
        if (!trap_words((frame->rsp & -8ull) + 8 * first) && first)
            break; /* above the stack */
        record->stack_first = first;
        wire_send(FRAME_TRAP, sizeof wire_payload->trap);
    }
}

/* A trap while one is reported must not be reported again. */
static _Noreturn void trap_fatal(const struct frame *frame, uint64_t address) {
    static bool reporting;
    if (reporting)
        panic("trap in a trap");
    reporting = true;
    say_values("\nbareflow: trap % at #: ", frame->vector, frame->rip);
    say(name_of(frame, address));
    if (frame->vector == VECTOR_PAGE_FAULT)
        say_values(frame->error & FAULT_FETCH   ? ", jump to #"
                   : frame->error & FAULT_WRITE ? ", write to #"
                                                : ", read of #",
                   address, 0);
    say("\n");
    trap_send(frame, address);
    finish(VERDICT_TRAPPED, (int32_t)frame->vector);
}

void trap_handle(struct frame *frame) {
    const uint64_t address = read_cr2();
    const bool page_fault = frame->vector == VECTOR_PAGE_FAULT;
    if (page_fault && !(frame->error & (FAULT_PRESENT | FAULT_FETCH)) && stack_fault(address))
        return;
    const bool ours = (int64_t)frame->rip < 0,
               theirs = page_fault ? (int64_t)address >= 0 : frame->vector == VECTOR_PROTECTION;
#ifdef CONFIG_SIGNALS
    if (!ours && signal_fault(frame, address))
        return;
#endif
    if (!workload_runs || !ours || !theirs)
        trap_fatal(frame, address);
    frame->rip = (uint64_t)syscall_fault; /* a system call was given that address */
    frame->rsp = (uint64_t)syscall_stack_top - FRAME_SIZEOF;
}
