/* SPDX-License-Identifier: MIT */
/* The token loop. */

#include "generate.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

SMALL_BEGIN

volatile sig_atomic_t interrupted;

uint64_t now_ns(const struct options *options) {
    return system_clock_ns(options->cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
}

/* Page faults of this process so far. */
static uint64_t page_faults(void) {
    struct rusage usage = {.ru_minflt = 0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

/* All tokens that the model has not seen, in as few steps as possible. */
static void pass_on(struct conversation *c) {
    while (c->seen < c->count) {
        const uint32_t left = c->count - c->seen, count = left < MAX_BATCH ? left : MAX_BATCH;
        model_step(&c->model, &c->state, c->ids + c->seen, count, c->seen, count == left);
        c->seen += count;
    }
}

static bool choose_next(struct conversation *c, const char **forced, uint32_t *id, struct message *why) {
    const struct state *s = &c->state;
    const uint32_t count = c->model.shape.vocabulary;
    if (!sampler_next(&c->sampler, s->logits, count, id))
        return refuse(why, "The model computes values that are not numbers: is its file damaged?");
    if (c->logits >= 0 && !write_all(c->logits, s->logits, count * sizeof *s->logits))
        return refuse(why, "The logits cannot be written.");
    if (!c->options->force)
        return true;
    if (!options_next_number(forced, id) || *id >= count)
        return refuse(why, "The option --force has no id of a token where one is needed.");
    return true;
}

static void show(const struct conversation *c, uint32_t id) {
    char text[TOKEN_MAX_TEXT];
    if (c->logits == STDOUT_FILENO)
        return;
    if (c->options->ids) {
        print(STDOUT_FILENO, "%u ", (uint64_t)id);
        return;
    }
    const bool first = c->count == 1 && c->ids[0] == c->tokenizer.bos;
    write_all(STDOUT_FILENO, text, tokenizer_decode(&c->tokenizer, id, first, text));
}

/* Tenths of tokens per second. */
static uint64_t rate(uint32_t tokens, uint64_t ns) {
    return ns ? tokens * 10000000000u / ns : 0;
}

static void show_rates(const struct conversation *c, uint32_t prompt, uint64_t prompt_ns, uint32_t generated,
                       uint64_t generated_ns) {
    print(STDERR_FILENO, "prompt %u tokens, %t tokens/s; generation %u tokens, %t tokens/s (%s, %s)\n",
          (uint64_t)prompt, rate(prompt, prompt_ns), (uint64_t)generated, rate(generated, generated_ns),
          gguf_type_name(c->model.type), KERNELS_OF(&c->model.choice)->name);
}

bool generate(struct conversation *c, uint32_t tokens, struct message *why) {
    const char *forced = c->options->force;
    const uint32_t prompt = c->count - c->seen;
    const uint64_t start = now_ns(c->options);
    uint64_t steps = 0;
    pass_on(c);
    const uint64_t first = now_ns(c->options), faults = page_faults();
    while (tokens-- && !interrupted) {
        uint32_t id;
        if (!choose_next(c, &forced, &id, why))
            return false;
        if (id == c->tokenizer.eos && !c->options->endless && !c->options->force)
            break;
        show(c, id);
        c->ids[c->count++] = id;
        if (!tokens || c->count >= c->state.positions)
            break;
        pass_on(c);
        steps++;
    }
    const uint64_t end = now_ns(c->options);
    c->faults += page_faults() - faults;
    if (c->logits != STDOUT_FILENO)
        write_text(STDOUT_FILENO, "\n");
    show_rates(c, prompt, first - start, (uint32_t)steps, end - first);
    return true;
}

SMALL_END
