/* SPDX-License-Identifier: MIT */
/* tinyllama: runs a Llama-architecture GGUF file. An ordinary static program, on BareFlow and on Linux.
 * Text goes to standard output as it is made, everything else to standard error. Exit status: 0, or 2 with
 * one sentence that says why. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"
#include "generate.h"
#include "load.h"
#include "variants.h"

SMALL_BEGIN

#define BAD_INPUT 2 /* the exit status of whatever cannot be done */

/* Room for `positions` tokens: the ids, and what the model remembers of each. */
static bool make_room(struct conversation *c, uint32_t positions, struct message *why) {
    struct arena arena;
    if (positions > c->model.shape.context)
        return refuse(why, "%u tokens do not fit: the model's context holds %u.", (uint64_t)positions,
                      (uint64_t)c->model.shape.context);
    if (!arena_make(&arena, positions * sizeof *c->ids, "the tokens", why))
        return false;
    c->ids = arena_take(&arena, positions * sizeof *c->ids);
    return state_open(&c->state, &c->model, positions, why) &&
           sampler_open(&c->sampler, c->model.shape.vocabulary, why);
}

static void show_ids(const uint32_t *ids, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        print(STDOUT_FILENO, "%u ", (uint64_t)ids[i]);
    write_text(STDOUT_FILENO, "\n");
}

/* "loaded 906432 bytes in 1.2 ms; page faults while generating: 0" */
static void show_facts(const struct conversation *c, uint64_t bytes, uint64_t load_ns) {
    print(STDERR_FILENO, "loaded %u bytes in %t ms; page faults while generating: %u\n", bytes,
          load_ns / 100000, c->faults);
    if (!c->options->variant)
        choice_show(&c->model);
}

/* The prompt's ids, with the token that begins a text. */
static bool encode_prompt(struct conversation *c, uint32_t **ids, uint32_t *count, struct message *why) {
    const struct gguf_text prompt = {c->options->prompt, strlen(c->options->prompt)};
    const size_t limit = 3 * prompt.length + 8; /* a space becomes three bytes, each a token at worst */
    struct arena arena;
    if (!arena_make(&arena, lines(limit * sizeof **ids) + tokenizer_scratch(prompt.length), "the prompt",
                    why))
        return false;
    *ids = arena_take(&arena, limit * sizeof **ids);
    *count = 0;
    if (c->tokenizer.add_bos)
        (*ids)[(*count)++] = c->tokenizer.bos;
    void *scratch = arena_take(&arena, tokenizer_scratch(prompt.length));
    return tokenizer_encode(&c->tokenizer, prompt, scratch, *ids, count, (uint32_t)limit, why);
}

static bool answer_prompt(struct conversation *c, struct message *why) {
    const struct options *o = c->options;
    uint32_t *prompt, count, tokens = o->tokens;
    const uint32_t context = c->model.shape.context;
    if (!encode_prompt(c, &prompt, &count, why))
        return false;
    if (o->encode) {
        show_ids(prompt, count);
        return true;
    }
    if (!count || count > context || (o->tokens_given && tokens > context - count))
        return refuse(why, "The prompt's %u tokens and %u more do not fit the model's context of %u.",
                      (uint64_t)count, (uint64_t)tokens, (uint64_t)context);
    if (tokens > context - count)
        tokens = context - count;
    if (!make_room(c, o->context > count + tokens ? o->context : count + tokens, why))
        return false;
    memcpy(c->ids, prompt, count * sizeof *prompt);
    c->count = count;
    if (c->logits != STDOUT_FILENO && o->ids)
        show_ids(prompt, count);
    else if (c->logits != STDOUT_FILENO)
        write_text(STDOUT_FILENO, o->prompt);
    return generate(c, tokens, why);
}

static bool open_logits(struct conversation *c, struct message *why) {
    const char *path = c->options->logits;
    c->logits = !path                ? -1
                : !strcmp(path, "-") ? STDOUT_FILENO
                                     : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return !path || c->logits >= 0 || refuse(why, "The file %s cannot be written.", path);
}

static bool run(struct conversation *c, int count, char **arguments, struct message *why) {
    static struct options options;
    if (!options_read(&options, count, arguments, why))
        return false;
    c->options = &options;
    c->sampler = options.sampler;
    if (options.help)
        return write_text(STDOUT_FILENO, options_help);
    const uint64_t start = now_ns(&options);
    uint64_t bytes;
    if (!load(options.model, options.variant, &c->model, &c->tokenizer, &bytes, why) || !open_logits(c, why))
        return false;
    const uint64_t load_ns = now_ns(&options) - start;
    const uint32_t room = options.context ? options.context : c->model.shape.context;
    if (options.chat ? !make_room(c, room, why) || !chat(c, why) : !answer_prompt(c, why))
        return false;
    if (!options.encode)
        show_facts(c, bytes, load_ns);
    return true;
}

int main(int count, char **arguments) {
    static struct conversation conversation;
    struct message why = {.length = 0};
    if (run(&conversation, count, arguments, &why))
        return 0;
    print(STDERR_FILENO, "tinyllama: %s\n", why.text);
    return BAD_INPUT;
}

SMALL_END
