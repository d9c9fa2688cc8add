/* SPDX-License-Identifier: MIT */
/* Branches: a state machine that counts words, numbers, strings and comments. */
#include "bench.h"

enum state { SPACE, WORD, NUMBER, STRING, COMMENT };

static NOINLINE void scan(const char *text, size_t length, uint64_t counts[5]) {
    enum state state = SPACE;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        switch (state) {
        case STRING:
            if (c == '"')
                state = SPACE;
            continue;
        case COMMENT:
            if (c == '\n')
                state = SPACE;
            continue;
        default:
            break;
        }
        enum state next = SPACE;
        if (c == '"')
            next = STRING;
        else if (c == '#')
            next = COMMENT;
        else if (c >= '0' && c <= '9')
            next = state == WORD ? WORD : NUMBER;
        else if ((c >= 'a' && c <= 'z') || c == '_')
            next = WORD;
        counts[next] += next != state;
        state = next;
    }
}

int main(int argc, char **argv) {
    static const char alphabet[] = "abcdefghijklmnop_ 0123456789 \"#\n+-*/ ";
    size_t length = (size_t)parameter(argc, argv, 1, 60000);
    long rounds = parameter(argc, argv, 2, 60);
    char *text = allocate(length);
    uint64_t state = 42, counts[5] = {0}, checksum = 0;
    for (size_t i = 0; i < length; i++)
        text[i] = alphabet[next_random(&state) % (sizeof alphabet - 1)];
    for (long i = 0; i < rounds; i++)
        scan(text, length - (size_t)i, counts);
    for (int i = 0; i < 5; i++)
        checksum = mix(checksum, counts[i]);
    return finish("tokenizer", checksum);
}
