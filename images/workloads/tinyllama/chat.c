/* SPDX-License-Identifier: MIT */
/* A model that was trained to chat (its metadata has a template with <|user|>, as TinyLlama's) keeps the
 * whole conversation in mind; any other continues each line by itself. */

#include "chat.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

SMALL_BEGIN

#define LINE_BYTES 8192
#define CTRL_C 3 /* a serial line has no signals */
#define CTRL_D 4

static char line[LINE_BYTES];

static volatile sig_atomic_t waiting; /* for input: nothing is lost by ending at once */

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
    if (waiting) {
        write_text(STDOUT_FILENO, "\n");
        _exit(0);
    }
}

/* One line without its end. 1: there is one; 0: the input is over; -1: it was too long, and is left out. */
static int read_some(size_t *length) {
    bool too_long = false;
    for (*length = 0;;) {
        char letter;
        const ssize_t got = read(STDIN_FILENO, &letter, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || letter == CTRL_C || letter == CTRL_D)
            return got > 0 && letter == CTRL_C ? 0 : *length ? 1 : 0;
        if (letter == '\n' || letter == '\r')
            return too_long ? -1 : 1;
        if (*length == sizeof line)
            too_long = true;
        else
            line[(*length)++] = letter;
    }
}

static int read_line(size_t *length) {
    waiting = 1;
    const int got = interrupted ? 0 : read_some(length);
    waiting = 0;
    return got;
}

static bool has_template(const struct conversation *c) {
    return c->model.for_chat;
}

/* Appends text to the conversation's ids, leaving room for one answer token. */
static bool append(struct conversation *c, const char *text, size_t length, void *scratch,
                   struct message *why) {
    return tokenizer_encode(&c->tokenizer, (struct gguf_text){text, length}, scratch, c->ids, &c->count,
                            c->state.positions - 1, why);
}

/* "<|user|>\nQUESTION</s>\n<|assistant|>\n", or just the line. */
static bool append_prompt(struct conversation *c, size_t length, void *scratch, struct message *why) {
    static const char user[] = "<|user|>\n", assistant[] = "\n<|assistant|>\n";
    static char turn[LINE_BYTES + sizeof user];
    if (!has_template(c))
        return append(c, line, length, scratch, why);
    memcpy(turn, user, sizeof user - 1);
    memcpy(turn + sizeof user - 1, line, length);
    if (!append(c, turn, sizeof user - 1 + length, scratch, why) || c->count + 1 >= c->state.positions)
        return refuse(why, "The conversation fills the model's context of %u tokens.",
                      (uint64_t)c->state.positions);
    c->ids[c->count++] = c->tokenizer.eos;
    return append(c, assistant, sizeof assistant - 1, scratch, why);
}

static bool answer(struct conversation *c, size_t length, void *scratch, struct message *why) {
    const uint32_t before = c->count;
    if (!has_template(c))
        c->count = c->seen = 0;
    if (!c->count && c->tokenizer.add_bos)
        c->ids[c->count++] = c->tokenizer.bos;
    if (!append_prompt(c, length, scratch, why)) {
        c->count = before < c->seen ? c->seen : before;
        return false;
    }
    const uint32_t room = c->state.positions - c->count, tokens = c->options->tokens;
    if (!has_template(c))
        write_all(STDOUT_FILENO, line, length);
    return generate(c, c->options->tokens_given && tokens < room ? tokens : room, why);
}

bool chat(struct conversation *c, struct message *why) {
    struct arena arena;
    size_t length;
    if (!arena_make(&arena, tokenizer_scratch(LINE_BYTES + 64), "the prompt", why))
        return false;
    void *scratch = arena_take(&arena, tokenizer_scratch(LINE_BYTES + 64));
    system_on_signal(SIGINT, on_interrupt);
    for (int got; !interrupted;) {
        write_text(STDOUT_FILENO, "> ");
        got = read_line(&length);
        if (!got)
            break;
        struct message problem = {.length = 0};
        if (got < 0)
            refuse(&problem, "The prompt is longer than %u bytes.", (uint64_t)LINE_BYTES);
        else if (length)
            answer(c, length, scratch, &problem);
        if (problem.length)
            print(STDERR_FILENO, "tinyllama: %s\n", problem.text);
    }
    write_text(STDOUT_FILENO, "\n");
    return true;
}

SMALL_END
