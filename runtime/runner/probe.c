/* SPDX-License-Identifier: MIT */
/* Times calls of a snapshot's functions in the runner's process, without a byte of theirs being other than
 * frozen.
 *
 * A function to be timed has a breakpoint (int3) for its first byte. The trap takes the breakpoint away, puts
 * `probe_return` in place of the return address, and starts the clock: from there to the return the code runs
 * as it is, recursion included. A timer sets breakpoints anew, so calls are timed all over the run. What
 * traps cost is measured at start with an empty function, and taken off, also from calls around.
 *
 * Results go to the shared file that BAREFLOW_PROBE names: `struct probe_file`, then a `struct probe_record`
 * for each function in the snapshot's order. The handlers run with the workload's thread pointer: no libc in
 * them. */
#define _GNU_SOURCE /* for the names of registers in ucontext */
#include <fcntl.h>
#include <signal.h>
#include <snapshot_check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define SAMPLES 256 /* kept for each function: the newest */
#define DEPTH 64    /* timed calls inside each other */
#define AT_ONCE 16  /* breakpoints set by a tick */
#define TICK_US 1000
#define CALIBRATIONS 65
#define HANDLER_STACK 65536
#define INT3 0xCC
#define LONG 4 /* times a trap's cost: such calls are timed one and all */

struct probe_file {
    uint64_t functions;
    uint64_t overhead; /* ticks of an empty function, already taken off */
};

struct probe_record {
    uint64_t address;
    uint64_t samples; /* calls timed in all */
    uint64_t ticks[SAMPLES];
};

struct active {
    struct probe_record *record;
    uint64_t slot; /* where its return address stands */
    uint64_t real; /* what stood there */
    uint64_t lost; /* of all traps, when it began */
    uint64_t began;
};

void before_entry(const struct snapshot_view *view);
void probe_return(void);
uint64_t probe_returned(uint64_t now, uint64_t slot);
uint64_t probe_nothing(void);

static struct probe_file *file;
static struct probe_record *records; /* the last is probe_nothing's */
static uint8_t *first_bytes;
static uint64_t *sizes;
static uint64_t count, next_armed, depth, lost, inner_cost, trap_cost;
static struct active active[DEPTH];

__asm__(".text\n"
        ".globl probe_return\n"
        "probe_return:\n" /* rsp stands behind the return address; results are in registers */
        "    sub $8, %rsp\n"
        "    push %rax\n    push %rdx\n    push %rcx\n    push %rsi\n    push %rdi\n"
        "    push %r8\n    push %r9\n    push %r10\n    push %r11\n    push %rbp\n"
        "    lfence\n    rdtsc\n"
        "    shl $32, %rdx\n    or %rdx, %rax\n"
        "    mov %rax, %rdi\n    lea 80(%rsp), %rsi\n"
        "    mov %rsp, %rbp\n    and $-16, %rsp\n"
        "    call probe_returned\n"
        "    mov %rbp, %rsp\n    mov %rax, 80(%rsp)\n"
        "    pop %rbp\n    pop %r11\n    pop %r10\n    pop %r9\n    pop %r8\n"
        "    pop %rdi\n    pop %rsi\n    pop %rcx\n    pop %rdx\n    pop %rax\n"
        "    ret\n"
        ".globl probe_nothing\n"
        "    .p2align 6\n"
        "probe_nothing:\n"
        "    xor %eax, %eax\n    nop\n"
        "    ret\n");

static inline uint64_t ticks(void) {
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
}

static void arm(uint64_t index) {
    *(volatile uint8_t *)records[index].address = INT3;
}

static uint64_t find(uint64_t address) {
    uint64_t low = 0, high = count;

    if (address == records[count].address)
        return count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (records[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && records[low].address == address ? low : count + 1;
}

/* Whether a call comes from the function itself. */
static int is_itself(uint64_t index, uint64_t caller) {
    return caller - records[index].address < sizes[index];
}

static void trapped(int number, siginfo_t *info, void *context) {
    ucontext_t *state = context;
    uint64_t address = (uint64_t)state->uc_mcontext.gregs[REG_RIP] - 1;
    uint64_t slot = (uint64_t)state->uc_mcontext.gregs[REG_RSP];
    uint64_t index = find(address);

    (void)info;
    if (index > count || *(uint8_t *)address != INT3) { /* a trap of the workload's own ends it */
        signal(number, SIG_DFL);
        return;
    }
    *(volatile uint8_t *)address = first_bytes[index];
    state->uc_mcontext.gregs[REG_RIP] = (greg_t)address;
    lost += trap_cost;
    while (depth && active[depth - 1].slot < slot) /* frames that longjmp threw away */
        depth--;
    if (depth == DEPTH || is_itself(index, *(uint64_t *)slot))
        return;
    struct active *one = &active[depth++];
    *one = (struct active){&records[index], slot, *(uint64_t *)slot, lost, 0};
    *(uint64_t *)slot = (uint64_t)probe_return;
    one->began = ticks();
}

/* A timed call has returned at `now`; gives the address to go on at. */
__attribute__((target("general-regs-only"))) uint64_t probe_returned(uint64_t now, uint64_t slot) {
    while (depth && active[depth - 1].slot < slot)
        depth--;
    struct active *one = &active[--depth];
    uint64_t took = now - one->began, inside = lost - one->lost;
    struct probe_record *record = one->record;

    took = took > inside ? took - inside : 0;
    record->ticks[record->samples++ % SAMPLES] = took;
    lost += inner_cost;
    if (took > LONG * trap_cost && record != &records[count])
        arm((uint64_t)(record - records));
    return one->real;
}

static int is_active(uint64_t index) {
    for (uint64_t at = 0; at < depth; at++)
        if (active[at].record == &records[index])
            return 1;
    return 0;
}

static void ticked(int number) {
    (void)number;
    for (uint64_t done = 0; done < AT_ONCE && done < count; done++) {
        next_armed = next_armed + 1 < count ? next_armed + 1 : 0;
        if (!is_active(next_armed))
            arm(next_armed);
    }
}

static uint64_t middle(uint64_t *values, uint64_t number) {
    for (uint64_t i = 1; i < number; i++)
        for (uint64_t j = i; j && values[j - 1] > values[j]; j--) {
            uint64_t value = values[j];
            values[j] = values[j - 1], values[j - 1] = value;
        }
    return values[number / 2];
}

/* What timing an empty call says, and what it takes from whoever is around it. */
static void calibrate(void) {
    uint64_t plain[CALIBRATIONS], timed[CALIBRATIONS];

    for (int i = 0; i < CALIBRATIONS; i++) {
        uint64_t from = ticks();
        probe_nothing();
        plain[i] = ticks() - from;
        arm(count);
        from = ticks();
        probe_nothing();
        timed[i] = ticks() - from;
    }
    file->overhead = middle(records[count].ticks, CALIBRATIONS);
    uint64_t whole = middle(timed, CALIBRATIONS) - middle(plain, CALIBRATIONS);
    inner_cost = file->overhead;
    trap_cost = whole > inner_cost ? whole - inner_cost : 0;
}

static void must(int right) {
    if (!right)
        _exit(125);
}

static void prepare_memory(const char *path, const struct snapshot_header *header) {
    uint64_t size = sizeof *file + (header->function_count + 1) * sizeof *records;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    must(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(file != MAP_FAILED);
    close(fd);
    records = (struct probe_record *)(file + 1);
    count = file->functions = header->function_count;
    first_bytes = malloc(count + 1);
    sizes = calloc(count + 1, sizeof *sizes);
    must(first_bytes && sizes);
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const struct snapshot_segment *one = &snapshot_segments(header)[i];
        uint64_t start = one->address & ~4095ull;
        if (one->flags & SEGMENT_EXECUTE)
            must(!mprotect((void *)start, one->address + one->memory_size - start,
                           PROT_READ | PROT_WRITE | PROT_EXEC));
    }
    must(!mprotect((void *)((uint64_t)probe_nothing & ~4095ull), 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* The runner calls this when everything is mapped. */
void before_entry(const struct snapshot_view *view) {
    const char *path = getenv("BAREFLOW_PROBE");
    struct sigaction trap = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct sigaction tick = {.sa_handler = ticked, .sa_flags = SA_ONSTACK | SA_RESTART};
    struct itimerval every = {{0, TICK_US}, {0, TICK_US}};
    stack_t stack = {.ss_size = HANDLER_STACK};

    if (!path)
        return;
    prepare_memory(path, view->header);
    for (uint64_t i = 0; i <= count; i++) {
        records[i].address =
            i < count ? snapshot_functions(view->header)[i].address : (uint64_t)probe_nothing;
        sizes[i] = i < count ? snapshot_functions(view->header)[i].size : 0;
        first_bytes[i] = *(uint8_t *)records[i].address;
    }
    stack.ss_sp = malloc(HANDLER_STACK);
    sigaddset(&trap.sa_mask, SIGALRM);
    sigaddset(&tick.sa_mask, SIGTRAP);
    must(stack.ss_sp && !sigaltstack(&stack, NULL) && !sigaction(SIGTRAP, &trap, NULL));
    calibrate();
    lost = 0;
    for (uint64_t i = 0; i < count; i++)
        arm(i);
    must(!sigaction(SIGALRM, &tick, NULL) && !setitimer(ITIMER_REAL, &every, NULL));
}
