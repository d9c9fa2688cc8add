/* SPDX-License-Identifier: MIT */
/* The guest's end of a wire, driven in lockstep over pipes in virtual time. A request on stdin is struct
 * request, `line_size` bytes from the line, then messages to send (message_header and payload each); a reply
 * on stdout is struct reply, the bytes for the line, then the messages that arrived, in the same form. */
#include <bareflow/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (1 << 20)

struct request {
    uint64_t now_us;
    uint32_t line_size, send_size, budget, reserved;
};

struct reply {
    uint64_t wait_us, dropped;
    uint32_t line_size, message_size, room, idle, peer, damaged, resent, oversized;
};

struct buffer {
    uint8_t bytes[ROOM];
    uint32_t used, done;
};

static struct buffer from_line, to_line, to_send, received;
static uint32_t budget;

static size_t read_line(void *context, uint8_t *bytes, size_t n) {
    (void)context;
    size_t left = from_line.used - from_line.done;
    if (n > left)
        n = left;
    memcpy(bytes, from_line.bytes + from_line.done, n);
    from_line.done += (uint32_t)n;
    return n;
}

static size_t write_line(void *context, const uint8_t *bytes, size_t n) {
    (void)context;
    if (n > budget)
        n = budget;
    memcpy(to_line.bytes + to_line.used, bytes, n);
    to_line.used += (uint32_t)n;
    budget -= (uint32_t)n;
    return n;
}

static void receive(void *context, uint16_t type, const uint8_t *payload, uint32_t length) {
    (void)context;
    struct message_header header = {.type = type, .length = (uint16_t)length};
    if (received.used + sizeof header + length > ROOM)
        abort();
    memcpy(received.bytes + received.used, &header, sizeof header);
    memcpy(received.bytes + received.used + sizeof header, payload, length);
    received.used += (uint32_t)sizeof header + length;
}

static void send_all(struct bf_wire *wire) {
    for (uint32_t at = 0; at < to_send.used;) {
        struct message_header header;
        memcpy(&header, to_send.bytes + at, sizeof header);
        uint8_t *copy = malloc(header.length + 1u); /* its own block: an overrun is seen */
        memcpy(copy, to_send.bytes + at + sizeof header, header.length);
        uint32_t half = header.length / 2;
        bf_wire_send2(wire, header.type, copy, half, copy + half, header.length - half);
        free(copy);
        at += (uint32_t)sizeof header + header.length;
    }
}

static int take(void *to, size_t n) {
    return fread(to, 1, n, stdin) == n;
}

static int serve(struct bf_wire *wire) {
    struct request request;
    if (!take(&request, sizeof request) || request.line_size > ROOM || request.send_size > ROOM)
        return 0;
    if (!take(from_line.bytes, request.line_size) || !take(to_send.bytes, request.send_size))
        return 0;
    from_line.used = request.line_size;
    to_send.used = request.send_size;
    from_line.done = to_line.used = received.used = 0;
    budget = request.budget;
    send_all(wire);
    struct reply reply = {.wait_us = bf_wire_poll(wire, request.now_us)};
    while (from_line.done < from_line.used)
        reply.wait_us = bf_wire_poll(wire, request.now_us);
    reply.dropped = wire->dropped;
    reply.line_size = to_line.used;
    reply.message_size = received.used;
    reply.room = bf_wire_room(wire);
    reply.idle = (uint32_t)bf_wire_idle(wire);
    reply.peer = wire->peer;
    reply.damaged = wire->damaged;
    reply.resent = wire->resent;
    reply.oversized = wire->oversized;
    fwrite(&reply, 1, sizeof reply, stdout);
    fwrite(to_line.bytes, 1, to_line.used, stdout);
    fwrite(received.bytes, 1, received.used, stdout);
    return fflush(stdout) == 0;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    struct bf_wire *wire = malloc(sizeof *wire);
    struct bf_wire_config config = {
        .session = (uint32_t)strtoul(argv[1], NULL, 0),
        .build_id = "sixteen bytes..",
        .outgoing_size = (uint32_t)strtoul(argv[2], NULL, 0),
        .incoming_size = (uint32_t)strtoul(argv[3], NULL, 0),
        .read = read_line,
        .write = write_line,
        .receive = receive,
    };
    config.outgoing = malloc(config.outgoing_size);
    config.incoming = malloc(config.incoming_size);
    if (bf_wire_init(wire, &config))
        return 3;
    while (serve(wire))
        continue;
    free(config.outgoing);
    free(config.incoming);
    free(wire);
    return 0;
}
