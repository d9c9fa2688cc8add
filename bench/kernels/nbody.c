/* SPDX-License-Identifier: MIT */
/* Floating-point: a few bodies under gravity, leapfrog integration. */
#include "bench.h"
#include <math.h>

#define BODIES 5
struct body {
    double position[3], velocity[3], mass;
};

static NOINLINE void advance(struct body *bodies, int count, double step) {
    for (int i = 0; i < count; i++) {
        for (int j = i + 1; j < count; j++) {
            double d[3], square = 1e-3;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].position[k] - bodies[j].position[k];
                square += d[k] * d[k];
            }
            double force = step / (square * sqrt(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].velocity[k] -= d[k] * bodies[j].mass * force;
                bodies[j].velocity[k] += d[k] * bodies[i].mass * force;
            }
        }
    }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].position[k] += step * bodies[i].velocity[k];
}

int main(int argc, char **argv) {
    long steps = parameter(argc, argv, 1, 60000);
    struct body bodies[BODIES];
    uint64_t state = 1;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            bodies[i].position[k] = 8 * next_double(&state);
            bodies[i].velocity[k] = next_double(&state) * 0.01;
        }
        bodies[i].mass = 0.1 + next_double(&state);
    }
    for (long i = 0; i < steps; i++)
        advance(bodies, BODIES, 1e-5);
    return finish_double("nbody", bodies[0].position[0] + bodies[BODIES - 1].position[2]);
}
