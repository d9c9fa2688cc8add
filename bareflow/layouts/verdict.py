"""How a guest ends: what it tells QEMU's isa-debug-exit device, and what BareFlow's own commands exit with."""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Layout

GUEST_VERDICT = Enumeration(
    name="guest verdict",
    prefix="VERDICT",
    doc="Written to the debug-exit port (QEMU exits with twice this plus one) and repeated in the final record.",
    members={
        "exited": (0x10, "the workload ended; its exit status is in the final record"),
        "trapped": (0x11, "the workload or the kernel trapped; a trap record precedes"),
        "killed": (0x12, "the workload sent itself a fatal signal; its number is the status"),
        "panic": (0x13, "the kernel met what cannot be"),
        "refused": (0x14, "the snapshot was refused; the refusal is the status"),
        "boot-failed": (0x15, "the loader could not reach the kernel; its failure letter is the status"),
    },
)

HOST_STATUS = Enumeration(
    name="host exit status",
    prefix="HOST",
    doc="Exit statuses of `boot-qemu` when the workload did not end by itself; otherwise it is the workload's own.",
    members={
        "bad-input": (2, "a flag, a file or a recipe that cannot be right"),
        "trapped": (112, "trap: registers and a backtrace are printed"),
        "killed": (113, "fatal signal, abort() for instance"),
        "panic": (114, "kernel panic"),
        "refused": (115, "snapshot refused"),
        "boot-failed": (116, "the loader failed"),
        "triple-fault": (117, "the machine reset itself"),
        "hang": (118, "the machine halted with interrupts off, or made no progress"),
        "no-verdict": (119, "the machine ended without a final record"),
        "timeout": (124, "the time given with --timeout-s is over"),
    },
)

VERDICT = Layout(
    name="verdict",
    title="How a guest ends",
    doc="A guest's verdict needs two things: the exit status of its machine *and* its final record on the wire.",
    constants=(Constant("DEBUG_EXIT_PORT", 0xF4, "QEMU's isa-debug-exit device"),),
    enumerations=(GUEST_VERDICT, HOST_STATUS),
)
