/* SPDX-License-Identifier: MIT */
/* The training runtime: counts argument values and switch edges, and writes all counters out when the program
 * ends. Linked with --wrap=main to an instrumented program; compile/instrument.py has the other half. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 8, LOOKED = 4096, SAMPLED = 64 };

/* `seen` counts values of a table that holds nothing frequent; 0 while nothing is known of it. */
struct table {
    uint64_t value[SLOTS], count[SLOTS], others, seen;
};

extern char *const bareflow_train_counters, *const bareflow_train_tables;
extern const uint64_t bareflow_train_counters_size, bareflow_train_tables_size;

void bareflow_train_value(struct table *table, uint64_t value);
void bareflow_train_switch(uint64_t *counters, uint64_t value, const uint64_t *cases, uint64_t number);
int __real_main(int argc, char **argv, char **envp);
int __wrap_main(int argc, char **argv, char **envp);

/* Puts what is seen most first, where it is looked for first and always counted. */
static void count_slot(struct table *table, int slot) {
    uint64_t value = table->value[slot], count = ++table->count[slot];
    if (count <= table->count[0])
        return;
    table->value[slot] = table->value[0];
    table->count[slot] = table->count[0];
    table->value[0] = value;
    table->count[0] = count;
}

/* Misra and Gries (1982): a count is of calls that surely had the value; what is forgotten goes to `others`.
 * Where most is forgotten, one value in SAMPLED is looked at: that is enough for one that comes often to be
 * put first. */
void bareflow_train_value(struct table *table, uint64_t value) {
    int free_slot = -1;
    if (table->count[0] && table->value[0] == value) { /* nearly always so where it matters */
        table->count[0]++;
        return;
    }
    if (table->seen && ++table->seen % SAMPLED) {
        table->others++;
        return;
    }
    for (int i = 0; i < SLOTS; i++) {
        if (!table->count[i]) {
            free_slot = i;
        } else if (table->value[i] == value) {
            count_slot(table, i);
            return;
        }
    }
    if (free_slot >= 0) {
        table->value[free_slot] = value;
        table->count[free_slot] = 1;
        return;
    }
    uint64_t kept = 0;
    for (int i = 0; i < SLOTS; i++)
        kept += --table->count[i];
    table->others += SLOTS + 1;
    if (!table->seen && table->others > LOOKED + kept)
        table->seen = 1;
}

/* Counts the default first, then the cases in order. */
void bareflow_train_switch(uint64_t *counters, uint64_t value, const uint64_t *cases, uint64_t number) {
    for (uint64_t i = 0; i < number; i++) {
        if (cases[i] == value) {
            counters[i + 1]++;
            return;
        }
    }
    counters[0]++;
}

static void write_all(int file, const char *data, uint64_t size) {
    while (size) {
        ssize_t done = write(file, data, size);
        if (done <= 0)
            return;
        data += done;
        size -= (uint64_t)done;
    }
}

static void dump(void) {
    const char *path = getenv("BAREFLOW_TRAIN_OUT");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (file < 0)
        return;
    write_all(file, bareflow_train_counters, bareflow_train_counters_size);
    write_all(file, bareflow_train_tables, bareflow_train_tables_size);
    close(file);
}

int __wrap_main(int argc, char **argv, char **envp) {
    atexit(dump);
    return __real_main(argc, argv, envp);
}
