/* SPDX-License-Identifier: MIT */
/* The interpreter: threaded dispatch over 16-byte instructions, one C frame a call. */
#include "hooks.h"
#include "opcode_list.h"
#include "values.h"
#include <bareflow/interp.h>

#define PROGRAM bf_interp_program
#define HEAP_CHUNK 512

static uint64_t run(uint32_t index, const uint64_t *from, const uint16_t *list, uint64_t *results,
                    struct interp_regs *regs);

/* One slot as the ABI wants it in a register. */
static inline uint64_t outgoing(const struct bytecode_place *p, uint64_t v) {
    return p->extend ? (uint32_t)extend(v, p->bits) : v;
}

/* Call native code with arguments from slots; its results go to `results`. */
static __attribute__((noinline)) void call_native(uint64_t target, const struct bytecode_signature *s,
                                                  const uint64_t *r, const uint16_t *list,
                                                  uint64_t *results) {
    const struct bytecode_place *p = PROGRAM.place + s->first_place;
    uint64_t *stack = __builtin_alloca(8 * (uint64_t)s->stack_words + 8);
    touch((char *)stack, 8 * (uint64_t)s->stack_words);
    struct interp_out out;
    out.target = target;
    out.vectors = s->vectors;
    out.stack_words = s->stack_words;
    out.stack = stack;
    out.result.x87s = s->x87;
    for (uint32_t i = 0; i < s->arguments; i++, p++) {
        uint64_t v = r[list[i]];
        if (p->place == PLACE_GPR)
            out.gpr[p->index] = outgoing(p, v);
        else if (p->place == PLACE_XMM)
            out.xmm[p->index][0] = v;
        else if (p->place == PLACE_XMM_HIGH)
            out.xmm[p->index][1] = v;
        else if (p->place == PLACE_STACK)
            stack[p->index] = outgoing(p, v);
        else
            copy_forward(stack + p->index, (const void *)(uintptr_t)v, p->size);
    }
    bf_interp_native(&out);
    for (uint32_t i = 0; i < s->results; i++, p++) {
        uint64_t v = p->place == PLACE_GPR        ? out.result.gpr[p->index]
                     : p->place == PLACE_XMM      ? out.result.xmm[p->index][0]
                     : p->place == PLACE_XMM_HIGH ? out.result.xmm[p->index][1]
                                                  : out.result.x87[p->index];
        results[i] = cut(v, p->bits);
    }
}

/* Whether the callee's slot still holds its thunk; if so the call is counted, as its stub would have. */
static inline int slot_allows(const struct bytecode_function *f, const struct bytecode_symbol *callee) {
    if (!PROGRAM.slots)
        return 1;
    struct slot *slot = PROGRAM.slots + f->external;
    int64_t *counter = callee->own ? &slot->self_counter : &slot->counter;
    if (slot->target != bf_interp_thunk(callee->function) || *counter <= 0)
        return 0;
    --*counter;
    return 1;
}

/* Whether a call from bytecode may skip the native convention: the callee is still interpreted, is not
 * variadic, and takes and returns what the call site thinks it does. */
static inline int goes_direct(const struct bytecode_symbol *callee, const struct bytecode_signature *site) {
    if (callee->function == BYTECODE_NATIVE)
        return 0;
    const struct bytecode_function *f = PROGRAM.function + callee->function;
    const struct bytecode_signature *s = PROGRAM.signature + f->signature;
    if (s->variadic || s->arguments != site->arguments || (s->results > 1 && s->results != site->results))
        return 0;
    return slot_allows(f, callee);
}

/* A call from bytecode to symbol `number`. */
static inline void call_symbol(uint32_t number, const struct bytecode_instruction *ip, uint64_t *r) {
    const struct bytecode_symbol *symbol = PROGRAM.symbol + number;
    const struct bytecode_signature *site = PROGRAM.signature + (uint32_t)(ip->imm >> 32);
    const uint16_t *list = (const uint16_t *)(ip + 1);
    uint64_t *results = r + ip->a;
    if (!goes_direct(symbol, site)) {
        call_native(symbol->address, site, r, list, results);
        return;
    }
    uint64_t v = run(symbol->function, r, list, results, NULL);
    if (site->results)
        results[0] = v;
}

/* Find the case of a switch by binary search; the first entry is the default. */
static inline const struct bytecode_case *find_case(const struct bytecode_case *cases, uint32_t n,
                                                    uint64_t v) {
    uint32_t low = 1, high = n + 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (cases[middle].value == v)
            return cases + middle;
        if (cases[middle].value < v)
            low = middle + 1;
        else
            high = middle;
    }
    return cases;
}

/* llvm.va_start: the ABI's va_list, on the registers that bf_interp_entry saved. */
static inline void start_arguments(uint64_t list, struct interp_regs *regs, uint64_t imm) {
    struct {
        uint32_t gp_offset, fp_offset;
        uint64_t overflow, saved;
    } v = {(uint16_t)imm, (uint16_t)(imm >> 16), (uint64_t)(uintptr_t)regs->stack + (imm >> 32),
           (uint64_t)(uintptr_t)regs};
    __builtin_memcpy((void *)(uintptr_t)list, &v, sizeof v);
}

/* Count a call and the values of its arguments. */
static inline void count_call(uint32_t index, const struct bytecode_function *f, const uint64_t *r) {
    PROGRAM.calls[index]++;
    if (!f->values)
        return;
    const struct bytecode_place *p = PROGRAM.place + PROGRAM.signature[f->signature].first_place;
    struct bytecode_values *table = PROGRAM.value + f->first_value;
    for (uint32_t i = 0; i < f->parameters; i++)
        if (p[i].kind)
            count_value(table++, r[i]);
}

/* Have run_twice call setjmp, which it must from a frame that is still there when longjmp comes. */
static inline void ask_for_setjmp(struct interp_twice *t, const struct bytecode_instruction *ip,
                                  const uint64_t *r) {
    const uint16_t *list = (const uint16_t *)(ip + 1);
    t->target = PROGRAM.symbol[(uint32_t)ip->imm].address;
    t->argument[0] = r[list[0]];
    t->argument[1] = ip->b > 1 ? r[list[1]] : 0;
    t->site = ip;
}

/* Have run_twice take a chunk of dynamic memory, and come back to the instruction that wants it. */
static inline void ask_for_memory(struct interp_twice *t, const struct bytecode_instruction *ip,
                                  uint64_t chunk) {
    t->chunk = chunk;
    t->site = ip;
}

#define LOW ((uint32_t)ip->imm)
#define HIGH ((uint32_t)(ip->imm >> 32))
#define NEXT                                                                                                 \
    do {                                                                                                     \
        ip++;                                                                                                \
        goto *labels[ip->op];                                                                                \
    } while (0)
#define GO(TARGET)                                                                                           \
    do {                                                                                                     \
        ip = code + (TARGET);                                                                                \
        goto *labels[ip->op];                                                                                \
    } while (0)
/* Count edge e if the branch is taken, its neighbour if not. */
#define BRANCH(CONDITION)                                                                                    \
    if (CONDITION) {                                                                                         \
        edge[HIGH]++;                                                                                        \
        GO(LOW);                                                                                             \
    }                                                                                                        \
    edge[HIGH ^ 1]++;                                                                                        \
    NEXT;
#define LABEL(NAME) [OP_##NAME] = &&L_##NAME,

/* Bytes of a function's slots and memory, and where the memory begins behind the slots. */
static inline uint64_t frame_size(const struct bytecode_function *f) {
    return 8 * (uint64_t)f->slots + f->frame_bytes + f->frame_align;
}

static inline uint64_t frame_memory(const struct bytecode_function *f, const uint64_t *behind) {
    return ((uint64_t)(uintptr_t)behind + f->frame_align - 1) & -(uint64_t)f->frame_align;
}

/* Run function `index`. Its arguments are from[list[0]], from[list[1]], … or, without a list, from[0], ….
 * Returns its first result slot; more go to results[1], …. `regs` are those of the native call, if it was
 * one. Of a function that calls setjmp, `from` is its struct interp_twice. */
static __attribute__((noinline)) uint64_t run(uint32_t index, const uint64_t *from, const uint16_t *list,
                                              uint64_t *results, struct interp_regs *regs) {
    static const void *const labels[] = {BYTECODE_OPCODES(LABEL)};
    const struct bytecode_function *f = PROGRAM.function + index;
    const struct bytecode_instruction *const code = PROGRAM.code + f->code;
    const struct bytecode_instruction *ip = code;
    uint64_t *r;
    uint64_t frame;
    struct interp_heap own_heap = {0, 0, 0};
    struct interp_heap *heap = &own_heap;
    if (__builtin_expect(f->twice, 0)) {
        struct interp_twice *t = (struct interp_twice *)(uintptr_t)from;
        heap = &t->heap;
        r = t->slots;
        frame = t->frame;
        ip = t->next;
    } else {
        uint64_t own = frame_size(f);
        r = __builtin_alloca(own);
        touch((char *)r, own);
        frame = frame_memory(f, r + f->slots);
        for (uint32_t i = 0; i < f->parameters; i++)
            r[i] = from[list ? list[i] : i];
        count_call(index, f, r);
    }
    uint64_t *const edge = PROGRAM.edge;
    uint64_t value = 0;
#if BF_INTERP_CYCLES
    uint64_t entered = PROGRAM.cycles ? tsc() : 0;
#endif
    goto *labels[ip->op];

#include "ops_control.h"
#include "ops_float.h"
#include "ops_int.h"
#include "ops_memory.h"

done:
#if BF_INTERP_CYCLES
    if (PROGRAM.cycles)
        PROGRAM.cycles[index] += tsc() - entered;
#endif
    return value;
}

/* Forget a chunk that lies below the stack pointer: longjmp has given it back. */
static inline void keep_heap(struct interp_heap *heap) {
    uint64_t sp;
    __asm__ volatile("movq %%rsp, %0" : "=r"(sp));
    if (heap->first < sp)
        *heap = (struct interp_heap){0, 0, 0};
}

/* Run a function that calls setjmp: its slots and memory lie in this frame, and each time run() comes to a
 * setjmp it leaves, the call is made here, and run() goes on behind it. When longjmp comes, the frames of
 * run() and of all that it called are gone, and the setjmp here returns again. Memory of a size that varies
 * is taken here, too. */
static __attribute__((noinline)) uint64_t run_twice(uint32_t index, const uint64_t *from, uint64_t *results,
                                                    struct interp_regs *regs) {
    const struct bytecode_function *const f = PROGRAM.function + index;
    uint64_t own = frame_size(f) + 8 + sizeof(struct interp_twice);
    char *memory = __builtin_alloca(own);
    touch(memory, own);
    struct interp_twice *const t = (struct interp_twice *)memory;
    t->slots = (uint64_t *)(t + 1);
    t->frame = frame_memory(f, t->slots + f->slots + 1);
    t->next = PROGRAM.code + f->code;
    t->slots[f->slots] = (uint64_t)(uintptr_t)t;
    for (uint32_t i = 0; i < f->parameters; i++)
        t->slots[i] = from[i];
    count_call(index, f, t->slots);
    t->heap = (struct interp_heap){0, 0, 0};
    for (;;) {
        t->target = t->chunk = 0;
        uint64_t value = run(index, (const uint64_t *)t, NULL, results, regs);
        if (t->chunk) {
            char *taken = __builtin_alloca(t->chunk);
            touch(taken, t->chunk);
            t->heap.first = t->heap.next = (uint64_t)(uintptr_t)taken;
            t->heap.end = t->heap.first + t->chunk;
            t->next = t->site;
            continue;
        }
        if (!t->target)
            return value;
        bf_interp_twice(t);
        keep_heap(&t->heap);
        t->slots[t->site->a] = t->came;
        t->next = t->site + 1 + (t->site->b + 7u) / 8;
    }
}

/* Give results back to native code. */
static void give_results(const struct bytecode_signature *s, const uint64_t *results,
                         struct interp_result *to) {
    const struct bytecode_place *p = PROGRAM.place + s->first_place + s->arguments;
    for (uint32_t i = 0; i < s->results; i++, p++) {
        if (p->place == PLACE_GPR)
            to->gpr[p->index] = outgoing(p, results[i]);
        else if (p->place == PLACE_XMM)
            to->xmm[p->index][0] = results[i];
        else if (p->place == PLACE_XMM_HIGH)
            to->xmm[p->index][1] = results[i];
        else
            to->x87[p->index] = results[i];
    }
    to->x87s = s->x87;
}

void bf_interp_enter(uint32_t index, struct interp_regs *regs) {
    const struct bytecode_function *f = PROGRAM.function + index;
    const struct bytecode_signature *s = PROGRAM.signature + f->signature;
    const struct bytecode_place *p = PROGRAM.place + s->first_place;
    uint64_t arguments[BYTECODE_MAX_ARGUMENTS + 1];
    uint64_t results[4];
    for (uint32_t i = 0; i < s->arguments; i++, p++) {
        if (p->place == PLACE_GPR)
            arguments[i] = cut(regs->gpr[p->index], p->bits);
        else if (p->place == PLACE_XMM)
            arguments[i] = cut(regs->xmm[p->index][0], p->bits);
        else if (p->place == PLACE_XMM_HIGH)
            arguments[i] = regs->xmm[p->index][1];
        else if (p->place == PLACE_STACK)
            arguments[i] = cut(regs->stack[p->index], p->bits);
        else
            arguments[i] = (uint64_t)(uintptr_t)(regs->stack + p->index);
    }
    results[0] =
        f->twice ? run_twice(index, arguments, results, regs) : run(index, arguments, NULL, results, regs);
    give_results(s, results, &regs->result);
}
