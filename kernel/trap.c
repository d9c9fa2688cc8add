/* SPDX-License-Identifier: MIT */
/* CPU exceptions: a page for the stack, -EFAULT for a system call's bad pointer, or the guest's end with a
 * report that the host turns into a symbolised backtrace. */
#include "kernel.h"
#include "x86.h"

#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT 14
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u
#define STACK_GUARD_REACH 0x100000u /* a large frame may jump over the guard page itself */

/* SDM volume 3, table 6-1, separated by zeros; an empty name is printed as a number. */
static const char names[] =
    "divide error\0debug\0NMI\0breakpoint\0overflow\0bound range\0invalid opcode\0no FPU\0"
    "double fault\0\0invalid TSS\0no segment\0stack segment\0general protection\0page fault\0\0"
    "x87 error\0misaligned access\0machine check\0vector arithmetic\0";

static const char *name_of(uint64_t vector) {
    const char *name = names;
    for (; vector && name < names + sizeof names - 1; vector--)
        name += strlen(name) + 1;
    return name;
}

static const char *page_fault_name(uint64_t address, uint64_t error) {
    if (address < PAGE_SIZE)
        return "null pointer";
    if (address < stack_bottom && address >= stack_bottom - STACK_GUARD_REACH)
        return "stack overflow";
    if (error & FAULT_FETCH)
        return error & FAULT_PRESENT ? "execution of data" : "execution of unmapped memory";
    if (error & FAULT_PRESENT)
        return "write to read-only memory";
    return "unmapped memory";
}

static void trap_say(const struct frame *frame, uint64_t address) {
    say("\nbareflow: trap ");
    say_number(frame->vector);
    say(": ");
    if (frame->vector == VECTOR_PAGE_FAULT) {
        say(page_fault_name(address, frame->error));
        say(frame->error & FAULT_WRITE   ? ", write to "
            : frame->error & FAULT_FETCH ? ", jump to "
                                         : ", read of ");
        say_hex(address);
    } else {
        say(name_of(frame->vector));
    }
    say(frame->rip >= MEM_DIRECT_MAP ? " in the kernel at " : " at ");
    say_hex(frame->rip);
    say("\n");
}

/* Words that cannot be read are sent as zero: after a stack overflow those nearest to rsp. */
static void trap_send(const struct frame *frame, uint64_t address) {
    static uint64_t words[TRAP_STACK_WORDS];
    struct trap_record record = {
        .vector = (uint32_t)frame->vector,
        .stack_words = TRAP_STACK_WORDS,
        .error_code = frame->error,
        .rip = frame->rip,
        .rflags = frame->rflags,
        .cr2 = address,
        .cr3 = read_cr3(),
    };
    memcpy(record.registers, frame, sizeof record.registers);
    record.registers[4] = frame->rsp;
    for (unsigned i = 0; i < TRAP_STACK_WORDS; i++) {
        const uint64_t physical = space_physical((frame->rsp & -8ull) + 8 * i);
        words[i] = physical ? *(uint64_t *)direct(physical) : 0;
    }
    console_flush();
    wire_send(FRAME_TRAP, &record, sizeof record, words, sizeof words);
}

/* A fault is fatal unless it is served; one while reporting another must not report again. */
static void trap_fatal(const struct frame *frame, uint64_t address) {
    static bool reporting;
    if (reporting)
        panic("a trap while reporting a trap");
    reporting = true;
    trap_say(frame, address);
    trap_send(frame, address);
    finish(VERDICT_TRAPPED, (int32_t)frame->vector);
}

void trap_handle(struct frame *frame) {
    if (frame->vector == VECTOR_SYSCALL) {
        frame->rax = (uint64_t)syscall_handle(frame);
        return;
    }
    const uint64_t address = read_cr2();
    if (frame->vector == VECTOR_PAGE_FAULT && address < MEM_DIRECT_MAP) {
        if (!(frame->error & (FAULT_PRESENT | FAULT_FETCH)) && stack_fault(address))
            return;
        if (workload_runs && frame->rip >= MEM_KERNEL_BASE) { /* a system call was given it */
            frame->rip = (uint64_t)syscall_fault;
            frame->rsp = (uint64_t)syscall_stack_top - FRAME_SIZEOF;
            return;
        }
    }
    trap_fatal(frame, address);
}
