/* SPDX-License-Identifier: MIT */
/* The wire. Generated from bareflow/layouts/wire.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_WIRE_H
#define BAREFLOW_GEN_WIRE_H

/* of this protocol */
#define WIRE_VERSION 1
/* most bytes of payload in a frame */
#define WIRE_MAX_PAYLOAD 1024
/* bytes of payload in a data frame on the worst line */
#define WIRE_MIN_SEGMENT 32
/* stream offset of a session's first byte */
#define WIRE_FIRST_OFFSET 1
/* the other side is to answer with a hello */
#define HELLO_ASK 1
/* stack words in a trap's frame */
#define TRAP_STACK_WORDS 96
/* most frames of a trap: 1.3 s at 115200 baud */
#define TRAP_STACK_FRAMES 16
/* three bytes 00 02 00 that the kernel writes to the console first */
#define CONSOLE_MARK 512

/* What a frame or a message carries. 1–15 belong to the link, 16–31 to the kernel, 32 and above to the agent. */
#define FRAME_HELLO 1 /* wire_hello: who is there, and where both streams stand */
#define FRAME_ACK 2 /* nothing but the header's acknowledgement */
#define FRAME_DATA 3 /* a slice of the sender's stream of messages, at offset `sequence` */
#define FRAME_NAK 4 /* as ack, and something behind it was damaged or is missing: resend from there */
#define FRAME_DROPPED 5 /* message dropped_record: records that did not fit the sender's buffer */
#define FRAME_TEXT 16 /* text_mark, then the console's bytes from there; without any: the text ends there */
#define FRAME_FINAL 17 /* final_record: the last frame of a guest */
#define FRAME_TRAP 18 /* trap_record, then words of the stack; one or several frames */
#define FRAME_TEXT_MARK 19 /* text_mark: which console bytes are not the workload's standard output */
#define FRAME_STARTED 20 /* started_record: the workload's first instruction is next */

/* Whose bytes they are. */
#define TEXT_STDOUT 1 /* the workload's standard output */
#define TEXT_STDERR 2 /* the workload's standard error */
#define TEXT_KERNEL 3 /* the kernel's own words */

/* Begins every frame. */
#define FRAME_HEADER_SESSION_OFFSET 0
#define FRAME_HEADER_SEQUENCE_OFFSET 4
#define FRAME_HEADER_ACKNOWLEDGED_OFFSET 8
#define FRAME_HEADER_TYPE_OFFSET 12
#define FRAME_HEADER_LENGTH_OFFSET 14
#define FRAME_HEADER_SIZEOF 16

/* Begins every message in a stream; the payload follows at once. */
#define MESSAGE_HEADER_TYPE_OFFSET 0
#define MESSAGE_HEADER_LENGTH_OFFSET 2
#define MESSAGE_HEADER_SIZEOF 4

/* Payload of hello. The host asks (session 0, HELLO_ASK) and the guest answers with its session; a guest that no host has asked sends hello now and then, so that a host which listens knows to ask. */
#define WIRE_HELLO_VERSION_OFFSET 0
#define WIRE_HELLO_FLAGS_OFFSET 2
#define WIRE_HELLO_INCARNATION_OFFSET 4
#define WIRE_HELLO_PEER_OFFSET 8
#define WIRE_HELLO_STREAM_OFFSET_OFFSET 12
#define WIRE_HELLO_MAX_MESSAGE_OFFSET 16
#define WIRE_HELLO_RESERVED_OFFSET 20
#define WIRE_HELLO_DROPPED_OFFSET 24
#define WIRE_HELLO_BUILD_ID_OFFSET 32
#define WIRE_HELLO_SIZEOF 48

/* Sent in the stream as soon as there is room again. */
#define DROPPED_RECORD_TOTAL_OFFSET 0
#define DROPPED_RECORD_SIZEOF 8

/* How the guest ended; without it no exit status is believed. */
#define FINAL_RECORD_VERDICT_OFFSET 0
#define FINAL_RECORD_STATUS_OFFSET 4
#define FINAL_RECORD_TSC_HZ_OFFSET 8
#define FINAL_RECORD_STAMPS_OFFSET 16
#define FINAL_RECORD_MEMORY_USED_OFFSET 80
#define FINAL_RECORD_PAGE_FAULTS_OFFSET 88
#define FINAL_RECORD_DROPPED_OFFSET 96
#define FINAL_RECORD_SIZEOF 104

/* A CPU exception that nobody handled. `stack_words` 64-bit words of the stack follow. More words come in frames that differ in `stack_first` alone. */
#define TRAP_RECORD_VECTOR_OFFSET 0
#define TRAP_RECORD_STACK_WORDS_OFFSET 4
#define TRAP_RECORD_STACK_FIRST_OFFSET 8
#define TRAP_RECORD_RESERVED_OFFSET 12
#define TRAP_RECORD_ERROR_CODE_OFFSET 16
#define TRAP_RECORD_RIP_OFFSET 24
#define TRAP_RECORD_RFLAGS_OFFSET 32
#define TRAP_RECORD_CR2_OFFSET 40
#define TRAP_RECORD_CR3_OFFSET 48
#define TRAP_RECORD_REGISTERS_OFFSET 56
#define TRAP_RECORD_SIZEOF 184

/* Both streams reach the console in order; this tells a host which bytes were not standard output. */
#define TEXT_MARK_OFFSET_OFFSET 0
#define TEXT_MARK_LENGTH_OFFSET 8
#define TEXT_MARK_STREAM_OFFSET 12
#define TEXT_MARK_SIZEOF 16

/* Sent once, just before the workload's first instruction. */
#define STARTED_RECORD_BUILD_ID_OFFSET 0
#define STARTED_RECORD_TSC_HZ_OFFSET 16
#define STARTED_RECORD_STAMPS_OFFSET 24
#define STARTED_RECORD_SIZEOF 88

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct frame_header {
    uint32_t session; /* chosen anew by the guest at each boot; 0: from the kernel, without a session */
    uint32_t sequence; /* data: stream offset of the first byte, modulo 2^32; otherwise 0: not resent */
    uint32_t acknowledged; /* every byte of the other's stream before this offset has arrived */
    uint16_t type; /* FRAME_… */
    uint16_t length; /* bytes of payload */
};
_Static_assert(offsetof(struct frame_header, session) == FRAME_HEADER_SESSION_OFFSET, "session");
_Static_assert(offsetof(struct frame_header, sequence) == FRAME_HEADER_SEQUENCE_OFFSET, "sequence");
_Static_assert(offsetof(struct frame_header, acknowledged) == FRAME_HEADER_ACKNOWLEDGED_OFFSET, "acknowledged");
_Static_assert(offsetof(struct frame_header, type) == FRAME_HEADER_TYPE_OFFSET, "type");
_Static_assert(offsetof(struct frame_header, length) == FRAME_HEADER_LENGTH_OFFSET, "length");
_Static_assert(sizeof(struct frame_header) == FRAME_HEADER_SIZEOF, "frame_header");

struct message_header {
    uint16_t type; /* FRAME_… */
    uint16_t length; /* bytes of payload; at most what the receiver's hello allows */
};
_Static_assert(offsetof(struct message_header, type) == MESSAGE_HEADER_TYPE_OFFSET, "type");
_Static_assert(offsetof(struct message_header, length) == MESSAGE_HEADER_LENGTH_OFFSET, "length");
_Static_assert(sizeof(struct message_header) == MESSAGE_HEADER_SIZEOF, "message_header");

struct wire_hello {
    uint16_t version; /* WIRE_VERSION; a peer refuses any other */
    uint16_t flags; /* HELLO_… */
    uint32_t incarnation; /* from the host: chosen anew by each host process; from the guest: 0 */
    uint32_t peer; /* from the guest: the incarnation that it answers, 0: none has asked; from the host: 0 */
    uint32_t stream_offset; /* where the sender's stream resumes: the first byte of a message */
    uint32_t max_message; /* most bytes of payload in a message that the sender of this takes */
    uint32_t reserved; /* zero */
    uint64_t dropped; /* records dropped so far */
    uint8_t build_id[16]; /* of the program that the sender runs or serves; zero: unknown */
};
_Static_assert(offsetof(struct wire_hello, version) == WIRE_HELLO_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct wire_hello, flags) == WIRE_HELLO_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct wire_hello, incarnation) == WIRE_HELLO_INCARNATION_OFFSET, "incarnation");
_Static_assert(offsetof(struct wire_hello, peer) == WIRE_HELLO_PEER_OFFSET, "peer");
_Static_assert(offsetof(struct wire_hello, stream_offset) == WIRE_HELLO_STREAM_OFFSET_OFFSET, "stream_offset");
_Static_assert(offsetof(struct wire_hello, max_message) == WIRE_HELLO_MAX_MESSAGE_OFFSET, "max_message");
_Static_assert(offsetof(struct wire_hello, reserved) == WIRE_HELLO_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct wire_hello, dropped) == WIRE_HELLO_DROPPED_OFFSET, "dropped");
_Static_assert(offsetof(struct wire_hello, build_id) == WIRE_HELLO_BUILD_ID_OFFSET, "build_id");
_Static_assert(sizeof(struct wire_hello) == WIRE_HELLO_SIZEOF, "wire_hello");

struct dropped_record {
    uint64_t total; /* records dropped since the session began */
};
_Static_assert(offsetof(struct dropped_record, total) == DROPPED_RECORD_TOTAL_OFFSET, "total");
_Static_assert(sizeof(struct dropped_record) == DROPPED_RECORD_SIZEOF, "dropped_record");

struct final_record {
    uint32_t verdict; /* VERDICT_… */
    int32_t status; /* exit status, signal, refusal or letter */
    uint64_t tsc_hz; /* TSC ticks in a second; 0: unknown */
    uint64_t stamps[8]; /* boot stamps, see boot info */
    uint64_t memory_used; /* most bytes of physical memory ever in use */
    uint64_t page_faults; /* page faults that the kernel served */
    uint64_t dropped; /* records that were dropped */
};
_Static_assert(offsetof(struct final_record, verdict) == FINAL_RECORD_VERDICT_OFFSET, "verdict");
_Static_assert(offsetof(struct final_record, status) == FINAL_RECORD_STATUS_OFFSET, "status");
_Static_assert(offsetof(struct final_record, tsc_hz) == FINAL_RECORD_TSC_HZ_OFFSET, "tsc_hz");
_Static_assert(offsetof(struct final_record, stamps) == FINAL_RECORD_STAMPS_OFFSET, "stamps");
_Static_assert(offsetof(struct final_record, memory_used) == FINAL_RECORD_MEMORY_USED_OFFSET, "memory_used");
_Static_assert(offsetof(struct final_record, page_faults) == FINAL_RECORD_PAGE_FAULTS_OFFSET, "page_faults");
_Static_assert(offsetof(struct final_record, dropped) == FINAL_RECORD_DROPPED_OFFSET, "dropped");
_Static_assert(sizeof(struct final_record) == FINAL_RECORD_SIZEOF, "final_record");

struct trap_record {
    uint32_t vector; /* exception number */
    uint32_t stack_words; /* how many words follow */
    uint32_t stack_first; /* words from rsp up to the first of them */
    uint32_t reserved; /* zero */
    uint64_t error_code; /* as pushed by the CPU */
    uint64_t rip; /* instruction */
    uint64_t rflags; /* flags */
    uint64_t cr2; /* faulting address */
    uint64_t cr3; /* page tables */
    uint64_t registers[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8 … r15 */
};
_Static_assert(offsetof(struct trap_record, vector) == TRAP_RECORD_VECTOR_OFFSET, "vector");
_Static_assert(offsetof(struct trap_record, stack_words) == TRAP_RECORD_STACK_WORDS_OFFSET, "stack_words");
_Static_assert(offsetof(struct trap_record, stack_first) == TRAP_RECORD_STACK_FIRST_OFFSET, "stack_first");
_Static_assert(offsetof(struct trap_record, reserved) == TRAP_RECORD_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct trap_record, error_code) == TRAP_RECORD_ERROR_CODE_OFFSET, "error_code");
_Static_assert(offsetof(struct trap_record, rip) == TRAP_RECORD_RIP_OFFSET, "rip");
_Static_assert(offsetof(struct trap_record, rflags) == TRAP_RECORD_RFLAGS_OFFSET, "rflags");
_Static_assert(offsetof(struct trap_record, cr2) == TRAP_RECORD_CR2_OFFSET, "cr2");
_Static_assert(offsetof(struct trap_record, cr3) == TRAP_RECORD_CR3_OFFSET, "cr3");
_Static_assert(offsetof(struct trap_record, registers) == TRAP_RECORD_REGISTERS_OFFSET, "registers");
_Static_assert(sizeof(struct trap_record) == TRAP_RECORD_SIZEOF, "trap_record");

struct text_mark {
    uint64_t offset; /* first byte, counted on the console from behind CONSOLE_MARK */
    uint32_t length; /* bytes */
    uint32_t stream; /* TEXT_… */
};
_Static_assert(offsetof(struct text_mark, offset) == TEXT_MARK_OFFSET_OFFSET, "offset");
_Static_assert(offsetof(struct text_mark, length) == TEXT_MARK_LENGTH_OFFSET, "length");
_Static_assert(offsetof(struct text_mark, stream) == TEXT_MARK_STREAM_OFFSET, "stream");
_Static_assert(sizeof(struct text_mark) == TEXT_MARK_SIZEOF, "text_mark");

struct started_record {
    uint8_t build_id[16]; /* of the snapshot */
    uint64_t tsc_hz; /* TSC ticks in a second; 0: not known yet */
    uint64_t stamps[8]; /* boot stamps so far */
};
_Static_assert(offsetof(struct started_record, build_id) == STARTED_RECORD_BUILD_ID_OFFSET, "build_id");
_Static_assert(offsetof(struct started_record, tsc_hz) == STARTED_RECORD_TSC_HZ_OFFSET, "tsc_hz");
_Static_assert(offsetof(struct started_record, stamps) == STARTED_RECORD_STAMPS_OFFSET, "stamps");
_Static_assert(sizeof(struct started_record) == STARTED_RECORD_SIZEOF, "started_record");

#endif

#endif
