/* SPDX-License-Identifier: MIT */
/* Branches: a register machine whose program sums a recurrence. */
#include "bench.h"

enum opcode { ADD, MUL, XOR, SHIFT, DECREMENT, JUMP_NONZERO, HALT };
struct instruction {
    uint8_t opcode, target, left, right;
};

static NOINLINE uint64_t execute(const struct instruction *program, uint64_t *registers) {
    for (size_t at = 0;; at++) {
        struct instruction i = program[at];
        switch (i.opcode) {
        case ADD:
            registers[i.target] = registers[i.left] + registers[i.right];
            break;
        case MUL:
            registers[i.target] = registers[i.left] * registers[i.right];
            break;
        case XOR:
            registers[i.target] = registers[i.left] ^ registers[i.right];
            break;
        case SHIFT:
            registers[i.target] = registers[i.left] >> (i.right & 63);
            break;
        case DECREMENT:
            registers[i.target]--;
            break;
        case JUMP_NONZERO:
            if (registers[i.left])
                at = (size_t)i.target - 1;
            break;
        default:
            return registers[0];
        }
    }
}

int main(int argc, char **argv) {
    static const struct instruction program[] = {
        {MUL, 0, 0, 2},       {ADD, 0, 0, 3},          {SHIFT, 4, 0, 29}, {XOR, 0, 0, 4},
        {DECREMENT, 1, 0, 0}, {JUMP_NONZERO, 0, 1, 0}, {HALT, 0, 0, 0},
    };
    uint64_t registers[8] = {1, (uint64_t)parameter(argc, argv, 1, 1500000), 6364136223846793005u,
                             1442695040888963407u};
    return finish("bytecode_vm", execute(program, registers));
}
