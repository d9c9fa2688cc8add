/* SPDX-License-Identifier: MIT */
/* The training runtime: counts argument values and switch edges, and writes all counters out when the program
 * ends. Linked with --wrap=main to an instrumented program; compile/instrument.py has the other half. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 8 };

struct table {
    uint64_t value[SLOTS], count[SLOTS], others;
};

extern char *const bareflow_train_counters, *const bareflow_train_tables;
extern const uint64_t bareflow_train_counters_size, bareflow_train_tables_size;

void bareflow_train_value(struct table *table, uint64_t value);
void bareflow_train_switch(uint64_t *counters, uint64_t value, const uint64_t *cases, uint64_t number);
int __real_main(int argc, char **argv, char **envp);
int __wrap_main(int argc, char **argv, char **envp);

/* Misra and Gries (1982): a count is of calls that surely had the value; what is forgotten goes to `others`.
 */
void bareflow_train_value(struct table *table, uint64_t value) {
    int free_slot = -1;
    if (table->count[0] && table->value[0] == value) { /* nearly always so where it matters */
        table->count[0]++;
        return;
    }
    for (int i = 0; i < SLOTS; i++) {
        if (!table->count[i]) {
            free_slot = i;
        } else if (table->value[i] == value) {
            table->count[i]++;
            return;
        }
    }
    if (free_slot >= 0) {
        table->value[free_slot] = value;
        table->count[free_slot] = 1;
        return;
    }
    for (int i = 0; i < SLOTS; i++)
        table->count[i]--;
    table->others += SLOTS + 1;
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
