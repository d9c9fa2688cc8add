/* SPDX-License-Identifier: MIT */
/* How a guest ends. Generated from bareflow/layouts/verdict.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_VERDICT_H
#define BAREFLOW_GEN_VERDICT_H

/* QEMU's isa-debug-exit device */
#define DEBUG_EXIT_PORT 244

/* Written to the debug-exit port (QEMU exits with twice this plus one) and repeated in the final record. */
#define VERDICT_EXITED 16 /* the workload ended; its exit status is in the final record */
#define VERDICT_TRAPPED 17 /* the workload or the kernel trapped; a trap record precedes */
#define VERDICT_KILLED 18 /* the workload sent itself a fatal signal; its number is the status */
#define VERDICT_PANIC 19 /* the kernel met what cannot be */
#define VERDICT_REFUSED 20 /* the snapshot was refused; the refusal is the status */
#define VERDICT_BOOT_FAILED 21 /* the loader could not reach the kernel; its failure letter is the status */

/* Exit statuses of `boot-qemu` when the workload did not end by itself; otherwise it is the workload's own. */
#define HOST_BAD_INPUT 2 /* a flag, a file or a recipe that cannot be right */
#define HOST_TRAPPED 112 /* trap: registers and a backtrace are printed */
#define HOST_KILLED 113 /* fatal signal, abort() for instance */
#define HOST_PANIC 114 /* kernel panic */
#define HOST_REFUSED 115 /* snapshot refused */
#define HOST_BOOT_FAILED 116 /* the loader failed */
#define HOST_TRIPLE_FAULT 117 /* the machine reset itself */
#define HOST_HANG 118 /* the machine halted with interrupts off, or made no progress */
#define HOST_NO_VERDICT 119 /* the machine ended without a final record */
#define HOST_TIMEOUT 124 /* the time given with --timeout-s is over */

#endif
