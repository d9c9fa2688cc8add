/* SPDX-License-Identifier: MIT */
/* A workload that is interrupted by a timer every 200 us: the handler polls the wire and sends a record of
 * its own while the workload sends without ever waiting. Arguments: descriptor, number of records. Ends when
 * the host has everything; its last line tells what was dropped. */
#include <bareflow/wire.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct bf_wire wire;
static uint8_t outgoing[8192], incoming[4096];
static int descriptor;
static volatile sig_atomic_t ticks;

static size_t port_read(void *context, uint8_t *bytes, size_t n) {
    (void)context;
    ssize_t got = read(descriptor, bytes, n);
    return got > 0 ? (size_t)got : 0;
}

static size_t port_write(void *context, const uint8_t *bytes, size_t n) {
    (void)context;
    ssize_t done = write(descriptor, bytes, n);
    return done > 0 ? (size_t)done : 0;
}

static void receive(void *context, uint16_t type, const uint8_t *payload, uint32_t length) {
    (void)context;
    bf_wire_send(&wire, type, payload, length); /* an echo, from within poll */
}

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void tick(int signal_number) {
    (void)signal_number;
    uint32_t number = (uint32_t)++ticks;
    bf_wire_send(&wire, 51, &number, sizeof number);
    bf_wire_poll(&wire, now_us());
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    descriptor = atoi(argv[1]);
    uint32_t count = (uint32_t)strtoul(argv[2], NULL, 0);
    struct bf_wire_config config = {
        .session = 0x5151,
        .outgoing = outgoing,
        .outgoing_size = sizeof outgoing,
        .incoming = incoming,
        .incoming_size = sizeof incoming,
        .read = port_read,
        .write = port_write,
        .receive = receive,
    };
    if (bf_wire_init(&wire, &config))
        return 3;
    signal(SIGALRM, tick);
    struct itimerval every = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &every, NULL);
    uint32_t dropped = 0;
    for (uint32_t n = 0; n < count; n++) {
        uint8_t record[60];
        for (size_t i = 0; i < sizeof record; i++)
            record[i] = (uint8_t)(n >> (i % 4 * 8));
        dropped += bf_wire_send(&wire, 50, record, 4 + n % 56) != 0;
        if (n % 64 == 0)
            bf_wire_poll(&wire, now_us());
        while (bf_wire_room(&wire) < 256 && wire.peer)
            pause(); /* only so that the test sees more than drops */
    }
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    while (!bf_wire_idle(&wire)) {
        bf_wire_poll(&wire, now_us());
        usleep(100);
    }
    printf("%u %llu %d\n", dropped, (unsigned long long)wire.dropped, (int)ticks);
    return 0;
}
