/* SPDX-License-Identifier: MIT */
/* Specialisation through a pointer to constant data: channels are mixed as a configuration says. */
#include "bench.h"

struct config {
    int channels, step;
    int32_t gain;
    int clamp;
};

static NOINLINE void blend(const int16_t *in, int16_t *out, int frames, const struct config *config) {
    for (int frame = 0; frame < frames; frame++) {
        int32_t sum = 0;
        for (int channel = 0; channel < config->channels; channel += config->step)
            sum += in[frame * config->channels + channel] * config->gain;
        sum >>= 12;
        if (config->clamp)
            sum = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
        out[frame] = (int16_t)sum;
    }
}

int main(int argc, char **argv) {
    int frames = (int)parameter(argc, argv, 1, 4000);
    struct config config = {(int)parameter(argc, argv, 2, 16), 1, 300, 1};
    int16_t *in = allocate((size_t)(frames * config.channels) * sizeof *in),
            *out = allocate((size_t)frames * sizeof *out);
    long rounds = parameter(argc, argv, 3, 3000);
    uint64_t state = 23, checksum = 0;
    for (int i = 0; i < frames * config.channels; i++)
        in[i] = (int16_t)next_random(&state);
    for (long round = 0; round < rounds; round++) {
        blend(in, out, frames, &config);
        in[round % frames] = out[round % frames];
        checksum = mix(checksum, (uint16_t)out[frames / 2]);
    }
    return finish("mixer", checksum);
}
