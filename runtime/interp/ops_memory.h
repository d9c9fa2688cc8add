/* SPDX-License-Identifier: MIT */
/* Loads, stores, addresses, dynamic memory, atomics. Included inside run() in interp.c.
 * Addresses are computed as integers, and accesses made through __builtin_memcpy: any alignment will do. */
/* clang-format off */

#define AT(N) (r[ip->b] + ip->imm)
#define AT_X (r[ip->b] + r[ip->c] * (uint64_t)LOW + (uint64_t)(int64_t)(int32_t)HIGH)
#define AT_W (r[ip->b] + (uint64_t)(int64_t)(int32_t)r[ip->c] * (uint64_t)LOW + (uint64_t)(int64_t)(int32_t)HIGH)
#define LOAD(TYPE, ADDRESS)                                                             \
    { TYPE v; __builtin_memcpy(&v, (const void *)(uintptr_t)(ADDRESS), sizeof v); r[ip->a] = v; } NEXT;
#define STORE(TYPE, ADDRESS)                                                            \
    { TYPE v = (TYPE)r[ip->a]; __builtin_memcpy((void *)(uintptr_t)(ADDRESS), &v, sizeof v); } NEXT;
#define ACCESS(BITS)                                                                    \
    L_LOAD##BITS: LOAD(uint##BITS##_t, AT(BITS))                                        \
    L_LOAD##BITS##_X: LOAD(uint##BITS##_t, AT_X)                                        \
    L_LOAD##BITS##_W: LOAD(uint##BITS##_t, AT_W)                                        \
    L_STORE##BITS: STORE(uint##BITS##_t, AT(BITS))                                      \
    L_STORE##BITS##_X: STORE(uint##BITS##_t, AT_X)                                      \
    L_STORE##BITS##_W: STORE(uint##BITS##_t, AT_W)

ACCESS(8)
ACCESS(16)
ACCESS(32)
ACCESS(64)
L_LOAD_N: r[ip->a] = load_bytes(r[ip->b] + ip->imm, ip->c); NEXT;
L_STORE_N: store_bytes(r[ip->b] + ip->imm, r[ip->a], ip->c); NEXT;
L_LEA_X: r[ip->a] = AT_X; NEXT;
L_LEA_W: r[ip->a] = AT_W; NEXT;

#define POINTER(FIELD) ((void *)(uintptr_t)r[ip->FIELD])
L_MEMCPY: copy_forward(POINTER(a), POINTER(b), r[ip->c]); NEXT;
L_MEMMOVE: copy_any(POINTER(a), POINTER(b), r[ip->c]); NEXT;
L_MEMSET: fill(POINTER(a), r[ip->b], r[ip->c]); NEXT;
L_MEMCPY_I: copy_forward(POINTER(a), POINTER(b), ip->imm); NEXT;

/* Dynamic memory is cut from chunks of this C function's own stack frame, or of run_twice's. Giving memory back makes it free
 * again within the newest chunk; older chunks are freed when the function returns. */
L_ALLOCA: {
    uint64_t size = r[ip->b], align = ip->imm;
    uint64_t start = (heap->next + align - 1) & -align;
    if (heap->next == 0 || start > heap->end || heap->end - start < size) {
        uint64_t chunk = size + align + HEAP_CHUNK;
        if (f->twice) {
            ask_for_memory((struct interp_twice *)(uintptr_t)r[f->slots], ip, chunk);
            goto done;
        }
        char *memory = __builtin_alloca(chunk);
        touch(memory, chunk);
        heap->first = (uint64_t)(uintptr_t)memory;
        heap->end = heap->first + chunk;
        start = (heap->first + align - 1) & -align;
    }
    heap->next = start + size;
    r[ip->a] = start;
} NEXT;
L_STACKSAVE: r[ip->a] = heap->next; NEXT;
L_STACKRESTORE: heap->next = r[ip->a] >= heap->first && r[ip->a] <= heap->end ? r[ip->a] : heap->first; NEXT;

L_ATOMICRMW: r[ip->a] = modify(LOW, r[ip->b], r[ip->c], HIGH); NEXT;
L_CMPXCHG: {
    uint64_t seen = r[ip->c];
    int done = exchange(r[ip->b], &seen, r[LOW], HIGH);
    r[ip->a] = seen;
    r[ip->a + 1] = (uint64_t)done;
} NEXT;
L_ATOMICRMW128: {
    unsigned __int128 old = 0;
    while (!exchange_pair(r[ip->b], &old, combine_pair(LOW, old, pair(r + ip->c))))
        ;
    set_pair(r + ip->a, old);
} NEXT;
L_CMPXCHG128: {
    unsigned __int128 seen = pair(r + ip->c);
    exchange_pair(r[ip->b], &seen, pair(r + LOW));
    set_pair(r + ip->a, seen);
} NEXT;
L_FENCE: __atomic_thread_fence(__ATOMIC_SEQ_CST); NEXT;

#undef AT
#undef AT_X
#undef AT_W
#undef LOAD
#undef STORE
#undef ACCESS
#undef POINTER
/* clang-format on */
