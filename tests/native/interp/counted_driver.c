/* SPDX-License-Identifier: MIT */
/* Runs one scenario on the interpreted functions of counted.c and prints what was counted. */
#include <bareflow/interp.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

int interpreted_loops(int n) __asm__("bf_interp.loops");
int interpreted_leaf(int a, double b, char *p) __asm__("bf_interp.leaf");
int interpreted_caller(int n) __asm__("bf_interp.caller");
int interpreted_forever(int n) __asm__("bf_interp.forever");
void interpreted_leave(int n) __asm__("bf_interp.leave");
void set_home(jmp_buf *env);
int leaf(int a, double b, char *p);

#define P bf_interp_program

static void print_counts(void) {
    for (uint32_t i = 0; i < P.functions; i++)
        printf("function %u calls %llu backs %llu cycles %d\n", i, (unsigned long long)P.calls[i],
               (unsigned long long)P.backs[i], P.cycles[i] > 0);
    for (uint32_t i = 0; i < P.edges; i++)
        printf("edge %u %llu\n", i, (unsigned long long)P.edge[i]);
    for (uint32_t i = 0; i < P.values; i++)
        for (int k = 0; k < BYTECODE_VALUE_ENTRIES; k++)
            printf("value %u %llu %llu %llu\n", i, (unsigned long long)P.value[i].value[k],
                   (unsigned long long)P.value[i].count[k], (unsigned long long)P.value[i].error[k]);
}

/* Calls of leaf follow its slot: bytecode while the slot holds the thunk and the counter lasts, else native.
 */
static void try_slots(void) {
    static struct slot slots[16];
    for (uint32_t i = 0; i < P.functions; i++) {
        slots[P.function[i].external].target = bf_interp_thunk(i);
        slots[P.function[i].external].counter = 4;
    }
    P.slots = slots;
    int with_thunk = interpreted_caller(10);
    for (uint32_t i = 0; i < P.functions; i++)
        slots[P.function[i].external].target = (uint64_t)(uintptr_t)leaf;
    int without = interpreted_caller(10);
    printf("results %d %d\n", with_thunk, without);
    for (uint32_t i = 0; i < P.functions; i++)
        printf("slot %u counter %lld\n", i, (long long)slots[P.function[i].external].counter);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    jmp_buf env;
    if (!strcmp(what, "loops"))
        printf("result %d\n", interpreted_loops(10));
    else if (!strcmp(what, "values"))
        for (int i = 0; i < 90; i++)
            interpreted_leaf(i % 3 ? 7 : i, 2.5, NULL);
    else if (!strcmp(what, "slots"))
        try_slots();
    else if (!strcmp(what, "forever"))
        printf("result %d\n", interpreted_forever(1));
    else if (!strcmp(what, "longjmp")) {
        set_home(&env);
        int came = setjmp(env);
        printf("came %d\n", came);
        if (!came)
            interpreted_leave(20);
    }
    print_counts();
    return 0;
}
