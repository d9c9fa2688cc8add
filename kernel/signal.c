/* SPDX-License-Identifier: MIT */
/* Signals: to handlers on the workload's stack as Linux lays it out, or to the program's end. They come from
 * timers, from CPU exceptions, and from the program itself. Source: Linux's uapi headers sigcontext.h,
 * ucontext.h and siginfo.h; the state of the vector registers is as XSAVE stores it (SDM volume 1, 13.4). */
#ifdef CONFIG_SIGNALS
#include "grow.h"
#include "x86.h"

#define SIGNALS 64
#define SIG_DFL 0
#define SIG_IGN 1
#define SA_RESTORER 0x04000000u
#define SA_ONSTACK 0x08000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define MINSIGSTKSZ 2048
#define SI_KERNEL 0x80
#define SI_FAULT 1 /* the first code of each of SIGSEGV, SIGFPE, SIGILL … */
#define RED_ZONE 128
#define FLAGS_KEPT 0x50cd5u /* those a program may set, without trap, nested task and interrupts */
#define XSAVE_LEGACY 512
#define XSAVE_HEADER 64
#define MXCSR_OFFSET 24
#define MXCSR_MASK 0xffffu
#define NS 1000000000ull

struct stack {
    uint64_t base;
    int32_t flags, pad;
    uint64_t size;
};

/* struct rt_sigframe; the registers in the order of REG_R8 … REG_RIP, REG_EFL. */
struct signal_frame {
    uint64_t restorer, flags, link;
    struct stack stack;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, vector, old_mask, cr2, vector_state, reserved[8], mask;
    int32_t number, errno_value, code, pad;
    uint64_t address, more[13];
};
_Static_assert(offsetof(struct signal_frame, rip) == 8 + 168, "uc_mcontext.gregs[REG_RIP]");
_Static_assert(offsetof(struct signal_frame, mask) == 8 + 296, "uc_sigmask");
_Static_assert(offsetof(struct signal_frame, number) == 8 + 304, "siginfo");
_Static_assert(sizeof(struct signal_frame) == 8 + 304 + 128, "rt_sigframe");

static struct sigaction actions[SIGNALS + 1];
static uint64_t mask, pending;
static uint64_t mask_before; /* a call that waits for signals has changed it: what handlers give back */
static bool suspended;
static struct stack alternative;
static int32_t codes[SIGNALS + 1];

static uint64_t bit(unsigned number) {
    return 1ull << (number - 1);
}

void signal_raise(unsigned number) {
    codes[number] = SI_KERNEL;
    pending |= bit(number);
}

static bool on_alternative(uint64_t rsp) {
    return rsp - alternative.base - 1 < alternative.size;
}

/* ---- vector registers ---- */

static bool has_xsave(void) {
    return read_cr4() & CR4_OSXSAVE;
}

static uint64_t vector_size(void) {
    static uint64_t size;
    if (!size)
        size = has_xsave() ? cpuid(13, 0).ebx : XSAVE_LEGACY;
    return size;
}

static void vector_save(uint8_t *area) {
    if (!has_xsave()) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
        return;
    }
    memset(area + XSAVE_LEGACY, 0, XSAVE_HEADER);
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

/* What a handler may have changed is made such that it loads. */
static void vector_load(uint8_t *area) {
    *(uint32_t *)(area + MXCSR_OFFSET) &= MXCSR_MASK;
    if (!has_xsave()) {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
        return;
    }
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    *(uint64_t *)(area + XSAVE_LEGACY) &= (uint64_t)high << 32 | low;
    memset(area + XSAVE_LEGACY + 8, 0, XSAVE_HEADER - 8);
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
}

/* ---- to the handler and back ---- */

/* Whether [start, end) can be written; a fault here could not be served, so the stack's pages are made first.
 */
static bool writable(uint64_t start, uint64_t end) {
    for (uint64_t page = page_floor(start); page < end; page += PAGE_SIZE) {
        if ((int64_t)page <= 0)
            return false;
        const int access = space_access(page);
        if (!(access < 0 ? stack_fault(page) : access & (int)ACCESS_WRITE))
            return false;
    }
    return true;
}

/* The frame's registers are named once here and once for the way back. */
/* clang-format off */
#define EACH_REGISTER(DO)                                       \
    DO(r8) DO(r9) DO(r10) DO(r11) DO(r12) DO(r13) DO(r14) DO(r15) \
    DO(rdi) DO(rsi) DO(rbp) DO(rbx) DO(rdx) DO(rax) DO(rcx)       \
    DO(rsp) DO(rip) DO(rflags)
/* clang-format on */

static void frame_fill(struct signal_frame *to, const struct frame *from, unsigned number, uint64_t address) {
    *to = (struct signal_frame){
        .restorer = actions[number].restorer,
        .stack = alternative,
        .cs = WORKLOAD_CS,
        .ss = WORKLOAD_SS,
        .error = from->error,
        .vector = from->vector,
        .old_mask = suspended ? mask_before : mask,
        .cr2 = address,
        .mask = suspended ? mask_before : mask,
        .number = (int32_t)number,
        .code = codes[number],
        .address = codes[number] == SI_FAULT ? address : 0,
    };
#define SAVE(name) to->name = from->name;
    EACH_REGISTER(SAVE)
}

/* Has the workload go on in a handler; false: there is no room for its frame. */
static bool deliver(struct frame *frame, unsigned number, uint64_t address) {
    struct sigaction *const action = &actions[number];
    uint64_t top = frame->rsp - RED_ZONE;
    if (action->flags & SA_ONSTACK && alternative.size && !on_alternative(frame->rsp))
        top = alternative.base + alternative.size;
    const uint64_t area = (top - vector_size()) & -64ull;
    struct signal_frame *const out = (void *)(((area - sizeof *out) & -16ull) - 8);
    if (!(action->flags & SA_RESTORER) || !writable((uint64_t)out, top))
        return false;
    frame_fill(out, frame, number, address);
    out->vector_state = area;
    suspended = false;
    vector_save((uint8_t *)area);
    mask |= action->mask | (action->flags & SA_NODEFER ? 0 : bit(number));
    frame->rip = action->handler;
    frame->rsp = (uint64_t)out;
    frame->rdi = number;
    frame->rsi = (uint64_t)&out->number;
    frame->rdx = (uint64_t)&out->flags;
    frame->rax = 0;
    frame->rflags = 2;
    if (action->flags & SA_RESETHAND)
        action->handler = SIG_DFL;
    timer_signal_taken(number);
    return true;
}

static _Noreturn void killed(unsigned number) {
    finish(VERDICT_KILLED, (int32_t)number);
}

static bool harmless(unsigned number) {
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

/* Whether one waits that is neither masked nor ignored, of some. */
static bool due(uint64_t of) {
    for (uint64_t ready; (ready = pending & ~mask & of) != 0;) {
        const unsigned number = (unsigned)__builtin_ctzll(ready) + 1;
        const uint64_t handler = actions[number].handler;
        if (handler != SIG_IGN && (handler != SIG_DFL || !harmless(number)))
            return true;
        pending &= ~bit(number);
        timer_signal_taken(number);
    }
    return false;
}

/* The agent's signals wait until the workload runs again. */
bool signal_due(void) {
#ifdef CONFIG_GROW
    return due(~(bit(SIGTICK) | bit(SIGIO)));
#else
    return due(~0ull);
#endif
}

void signal_leave(struct frame *frame) {
    while (due(~0ull)) {
        const unsigned number = (unsigned)__builtin_ctzll(pending & ~mask) + 1;
        pending &= ~bit(number);
        if (actions[number].handler == SIG_DFL)
            killed(number);
        if (!deliver(frame, number, 0))
            killed(SIGSEGV);
    }
    if (suspended)
        mask = mask_before;
    suspended = false;
    if (timer_armed())
        frame->rflags |= 0x200;
    else
        frame->rflags &= ~0x200ull;
}

/* SDM volume 3, table 6-1; as Linux translates them. 0: never a program's own affair. */
static unsigned signal_of(uint64_t vector) {
    static const uint8_t numbers[TRAP_VECTORS] = {
        [0] = SIGFPE,  [1] = SIGTRAP,  [3] = SIGTRAP,  [4] = SIGSEGV,  [5] = SIGSEGV,
        [6] = SIGILL,  [11] = SIGSEGV, [12] = SIGSEGV, [13] = SIGSEGV, [14] = SIGSEGV,
        [16] = SIGFPE, [17] = SIGBUS,  [19] = SIGFPE,
    };
    return numbers[vector];
}

bool signal_fault(struct frame *frame, uint64_t address) {
    const unsigned number = signal_of(frame->vector);
    if (!number || actions[number].handler <= SIG_IGN || mask & bit(number))
        return false;
    codes[number] = SI_FAULT;
    if (number != SIGSEGV)
        address = frame->rip;
    else if (frame->vector != VECTOR_PAGE_FAULT)
        address = 0; /* the CPU does not say */
    if (!deliver(frame, number, address))
        return false;
    signal_leave(frame);
    return true;
}

/* ---- system calls ---- */

int64_t sys_rt_sigreturn(void) {
    struct frame *const frame = (void *)(syscall_stack_top - FRAME_SIZEOF);
    struct signal_frame *const from = (void *)(frame->rsp - 8);
    if ((int64_t)from < 0 || !writable((uint64_t)from, (uint64_t)(from + 1)) || from->rip >> 47)
        killed(SIGSEGV);
    const uint64_t area = from->vector_state;
    if (area && (area % 64 || !writable(area, area + vector_size())))
        killed(SIGSEGV);
#define RESTORE(name) frame->name = from->name;
    EACH_REGISTER(RESTORE)
    frame->rflags = (from->rflags & FLAGS_KEPT) | 2;
    mask = from->mask & ~(bit(SIGKILL) | bit(SIGSTOP));
    if (area)
        vector_load((uint8_t *)area);
    return (int64_t)frame->rax;
}

int64_t sys_rt_sigaction(uint64_t number, const struct sigaction *wanted, struct sigaction *old) {
    if (!number || number > SIGNALS || (wanted && (number == SIGKILL || number == SIGSTOP)))
        return -EINVAL;
    const struct sigaction was = actions[number];
    if (wanted)
        actions[number] = *wanted;
    if (old)
        *old = was;
    return 0;
}

int64_t sys_rt_sigprocmask(uint64_t how, const uint64_t *set, uint64_t *old) {
    const uint64_t was = mask;
    if (set && how > 2)
        return -EINVAL;
    if (set)
        mask = how == 0 ? mask | *set : how == 1 ? mask & ~*set : *set;
    mask &= ~(bit(SIGKILL) | bit(SIGSTOP));
    if (old)
        *old = was;
    return 0;
}

int64_t sys_rt_sigpending(uint64_t *out) {
    *out = pending & mask;
    return 0;
}

/* Nothing interrupts a call, so the timers are watched. */
static void watch(bool for_ever) {
    if (for_ever && !timer_armed())
        panic("deadlock: it waits for a signal, and nothing sends one");
    timer_watch();
    pause();
}

int64_t sys_pause(void) {
    console_flush();
    while (!signal_due())
        watch(true);
    return -EINTR;
}

/* Takes a signal that waits, without its handler; of several the lowest. */
static int64_t take(uint64_t ready, struct siginfo *out) {
    const unsigned number = (unsigned)__builtin_ctzll(ready) + 1;
    if (out)
        *out = (struct siginfo){.number = (int32_t)number, .code = codes[number]};
    pending &= ~bit(number);
    timer_signal_taken(number);
    return number;
}

int64_t sys_rt_sigtimedwait(const uint64_t *wanted, struct siginfo *out, const struct timespec *timeout) {
    const uint64_t set = *wanted;
    uint64_t end = ~0ull;
    if (timeout) {
        const struct timespec given = *timeout;
        if (given.seconds < 0 || (uint64_t)given.nanoseconds >= NS)
            return -EINVAL;
        if ((uint64_t)given.seconds < end / NS / 2)
            end = clock_ns() + (uint64_t)given.seconds * NS + (uint64_t)given.nanoseconds;
    }
    console_flush();
    timer_watch();
    while (!(pending & set)) {
        if (signal_due())
            return -EINTR;
        if (clock_ns() >= end)
            return -EAGAIN;
        watch(!timeout);
    }
    return take(pending & set, out);
}

int64_t sys_rt_sigsuspend(const uint64_t *wanted) {
    const uint64_t given = *wanted;
    mask_before = mask;
    mask = given & ~(bit(SIGKILL) | bit(SIGSTOP));
    suspended = true;
    return sys_pause();
}

int64_t sys_sigaltstack(const struct stack *wanted, struct stack *old) {
    const struct frame *const frame = (void *)(syscall_stack_top - FRAME_SIZEOF);
    const bool inside = on_alternative(frame->rsp);
    struct stack was = alternative;
    was.flags = inside ? SS_ONSTACK : alternative.size ? 0 : SS_DISABLE;
    if (wanted) {
        const struct stack given = *wanted;
        if (inside)
            return -EPERM;
        if (!(given.flags & SS_DISABLE) && given.size < MINSIGSTKSZ)
            return -ENOMEM;
        alternative = given.flags & SS_DISABLE ? (struct stack){0} : given;
        alternative.flags = 0;
    }
    if (old)
        *old = was;
    return 0;
}

int64_t sys_kill(int64_t who, uint64_t number) {
    if (who != 1 && who != 0 && who != -1)
        return -ESRCH;
    if (number > SIGNALS)
        return -EINVAL;
    if (number == SIGKILL || number == SIGSTOP)
        killed((unsigned)number);
    if (number) {
        signal_raise((unsigned)number);
        codes[number] = 0; /* SI_USER */
    }
    return 0;
}

int64_t sys_tgkill(int64_t group, int64_t who, uint64_t number) {
    return group == 1 ? sys_kill(who, number) : -ESRCH;
}
#endif
