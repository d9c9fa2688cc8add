/* SPDX-License-Identifier: MIT */
/* Options are a table: a name, what its value is, and where it goes. */

#include "options.h"

#include <stddef.h>
#include <string.h>

SMALL_BEGIN

const char options_help[] = "usage: tinyllama [--prompt TEXT | --chat] [options]\n"
                            "  --model PATH      GGUF file (MODEL.GGUF)\n"
                            "  --prompt TEXT     continue TEXT\n"
                            "  --chat            read prompts until input ends\n"
                            "  --tokens N        generate at most N (64)\n"
                            "  --context N       room for N tokens\n"
                            "  --temperature X   0: always the most likely (0)\n"
                            "  --top-k N         of the N most likely (40; 0: all)\n"
                            "  --top-p X         of the fewest that reach X (0.95)\n"
                            "  --seed N          for drawing (1)\n"
                            "  --variant NAME    scalar, sse, avx2, avx512\n"
                            "  --endless         go on after the end of text\n"
                            "  --cpu-time        tokens per second of CPU time\n"
                            "  --ids             print ids, not text\n"
                            "  --encode          print the prompt's ids only\n"
                            "  --force IDS       take these ids\n"
                            "  --logits PATH     write logits (-: standard output)\n";

enum value { FLAG, TEXT, WHOLE, DECIMAL, SEED };

static const struct {
    char name[14];
    uint8_t value, offset;
} known[] = {
    {"--model", TEXT, offsetof(struct options, model)},
    {"--prompt", TEXT, offsetof(struct options, prompt)},
    {"--variant", TEXT, offsetof(struct options, variant)},
    {"--force", TEXT, offsetof(struct options, force)},
    {"--logits", TEXT, offsetof(struct options, logits)},
    {"--tokens", WHOLE, offsetof(struct options, tokens)},
    {"--context", WHOLE, offsetof(struct options, context)},
    {"--top-k", WHOLE, offsetof(struct options, sampler.top_k)},
    {"--seed", SEED, offsetof(struct options, sampler.seed)},
    {"--temperature", DECIMAL, offsetof(struct options, sampler.temperature)},
    {"--top-p", DECIMAL, offsetof(struct options, sampler.top_p)},
    {"--chat", FLAG, offsetof(struct options, chat)},
    {"--endless", FLAG, offsetof(struct options, endless)},
    {"--ids", FLAG, offsetof(struct options, ids)},
    {"--cpu-time", FLAG, offsetof(struct options, cpu_time)},
    {"--encode", FLAG, offsetof(struct options, encode)},
    {"--help", FLAG, offsetof(struct options, help)},
};
#define KNOWN (sizeof known / sizeof *known)

/* Digits up to a number of at most `most`; how many were taken. */
static size_t read_digits(const char *text, uint64_t most, uint64_t *value) {
    size_t at = 0;
    for (*value = 0; text[at] >= '0' && text[at] <= '9'; at++) {
        const uint64_t digit = (uint64_t)(text[at] - '0');
        if (*value > (most - digit) / 10)
            return 0;
        *value = *value * 10 + digit;
    }
    return at;
}

/* "12", "0.95", ".5"; at most 9 digits before and behind the point. */
static bool read_decimal(const char *text, float *out) {
    uint64_t whole = 0, part = 0;
    const size_t before = read_digits(text, 999999999, &whole);
    size_t behind = 0;
    text += before;
    if (*text == '.') {
        behind = read_digits(text + 1, 999999999, &part);
        text += 1 + behind;
    }
    float value = (float)part;
    for (size_t i = 0; i < behind; i++)
        value /= 10;
    *out = (float)whole + value;
    return before + behind && !*text;
}

static bool store(char *place, enum value kind, const char *text) {
    uint64_t number = 0;
    switch (kind) {
    case FLAG:
        *(bool *)place = true;
        return true;
    case TEXT:
        *(const char **)place = text;
        return true;
    case WHOLE:
        if (!*text || text[read_digits(text, UINT32_MAX, &number)])
            return false;
        *(uint32_t *)place = (uint32_t)number;
        return true;
    case SEED:
        if (!*text || text[read_digits(text, UINT64_MAX, &number)])
            return false;
        *(uint64_t *)place = number;
        return true;
    default:
        return read_decimal(text, (float *)place);
    }
}

static bool read_one(struct options *o, char **arguments, int left, int *taken, struct message *why) {
    for (unsigned i = 0; i < KNOWN; i++) {
        if (strcmp(arguments[0], known[i].name) != 0)
            continue;
        *taken = known[i].value == FLAG ? 1 : 2;
        if (left < *taken)
            return refuse(why, "The option %s needs a value.", known[i].name);
        if (store((char *)o + known[i].offset, (enum value)known[i].value, arguments[1]))
            return true;
        return refuse(why, "The option %s cannot be %q.", known[i].name, arguments[1], strlen(arguments[1]));
    }
    return refuse(why, "There is no option %q; --help lists them.", arguments[0], strlen(arguments[0]));
}

bool options_read(struct options *o, int count, char **arguments, struct message *why) {
    *o = (struct options){
        .model = "MODEL.GGUF",
        .tokens = UINT32_MAX,
        .sampler = {.top_p = 0.95f, .top_k = 40, .seed = 1},
    };
    for (int at = 1, taken = 0; at < count; at += taken)
        if (!read_one(o, arguments + at, count - at, &taken, why))
            return false;
    o->tokens_given = o->tokens != UINT32_MAX;
    if (!o->tokens_given)
        o->tokens = 64;
    if (o->help)
        return true;
    if (!(o->sampler.top_p > 0 && o->sampler.top_p <= 1))
        return refuse(why, "The option --top-p must be above 0 and at most 1.");
    if (!o->prompt == !o->chat)
        return refuse(why, "Give either --prompt TEXT or --chat; --help lists all options.");
    if (o->prompt && !*o->prompt && !o->encode)
        return refuse(why, "The prompt is empty.");
    return true;
}

bool options_next_number(const char **at, uint32_t *number) {
    uint64_t value;
    while (**at == ' ' || **at == ',')
        ++*at;
    const size_t digits = read_digits(*at, UINT32_MAX, &value);
    *at += digits;
    *number = (uint32_t)value;
    return digits;
}

SMALL_END
