/* SPDX-License-Identifier: MIT */
/* Reads (u32 length, bytes) pieces from stdin; writes for each the encoded and the decoded piece likewise;
 * a decoded length of 0xffffffff says that the piece was refused. */
#include <bareflow/cobs.h>
#include <stdio.h>
#include <stdlib.h>

static void put(const uint8_t *bytes, uint32_t size) {
    fwrite(&size, 1, sizeof size, stdout);
    if (size != UINT32_MAX)
        fwrite(bytes, 1, size, stdout);
}

int main(void) {
    uint32_t size;
    while (fread(&size, 1, sizeof size, stdin) == sizeof size) {
        uint8_t *in = malloc(size + !size);
        uint8_t *out = malloc(BF_COBS_MAX(size));
        if (fread(in, 1, size, stdin) != size)
            return 1;
        put(out, (uint32_t)bf_cobs_encode(in, size, out));
        put(in, (uint32_t)bf_cobs_decode(in, size, in));
        free(in);
        free(out);
    }
    return 0;
}
