/* SPDX-License-Identifier: MIT */
/* The kernel from its entry to the workload's first instruction. */
#include "kernel.h"
#include "x86.h"

struct boot_info boot;

void stamp(unsigned index) {
    boot.stamps[index] = rdtsc();
}

/* Called by entry.S with the low 4 GiB still mapped 1:1. */
_Noreturn void kernel_main(const struct boot_info *info);
_Noreturn void kernel_main(const struct boot_info *info) {
    boot = *info;
    stamp(STAMP_KERNEL);
    cpu_init();    /* from here a fault is a message instead of a reset */
    acpi_serial(); /* may know another port for the console */
    serial_init(); /* from here a message is seen */
    console_init();
    if (boot.magic != BOOT_INFO_MAGIC || boot.version != BOOT_INFO_VERSION)
        panic("the loader's boot info is of another version");
    memory_init(); /* reads the loader's memory map */
    paging_init(); /* drops the 1:1 mapping: null pointers fault from here */
    stamp(STAMP_SNAPSHOT);
    snapshot_start();
}
