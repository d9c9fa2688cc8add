/* SPDX-License-Identifier: MIT */
/* The disk, whichever there is: in memory, read by the firmware, or virtio-blk. */
#include "kernel.h"
#include "x86.h"

typedef int (*firmware_read_fn)(uint64_t context, uint64_t lba, uint32_t count, void *buffer);

/* The firmware runs with the first MiB mapped and may change the bases that the workload's threads rest on.
 */
static int firmware_read(uint64_t lba, uint32_t count, void *buffer) {
    const uint64_t fs = rdmsr(MSR_FS_BASE), gs = rdmsr(MSR_GS_BASE);
    low_memory_map(true);
    const int result = ((firmware_read_fn)boot.block_read)(boot.block_context, lba, count, buffer);
    low_memory_map(false);
    wrmsr(MSR_FS_BASE, fs);
    wrmsr(MSR_GS_BASE, gs);
    return result;
}

static int memory_read(uint64_t lba, uint32_t count, void *buffer) {
    const uint64_t sectors = boot.ramdisk_size / DISK_SECTOR_SIZE;
    if (lba > sectors || count > sectors - lba)
        return -EIO;
    memcpy(buffer, direct(boot.ramdisk_phys + lba * DISK_SECTOR_SIZE), (uint64_t)count * DISK_SECTOR_SIZE);
    return 0;
}

/* Neither firmware nor a device may meet a page that is missing: the stack's are made here, a bad one faults.
 */
static void touch(volatile uint8_t *buffer, uint64_t length) {
    for (volatile uint8_t *at = buffer; at < buffer + length;
         at = (uint8_t *)page_floor((uint64_t)at + PAGE_SIZE))
        *at = *at;
}

/* Reads sectors to any mapped address. Returns 0 or an error. It is what fat16.c reads the disk with. */
int block_read(void *context, uint64_t lba, uint32_t count, void *buffer) {
    uint8_t *next = buffer;
    int result = 0;
    (void)context;
    touch(buffer, (uint64_t)count * DISK_SECTOR_SIZE);
    while (count && !result) {
        uint32_t piece = count;
        if (!boot.ramdisk_phys && piece > boot.block_max_sectors)
            piece = boot.block_max_sectors;
        if (boot.ramdisk_phys)
            result = memory_read(lba, piece, next);
        else if (boot.block_read)
            result = firmware_read(lba, piece, next);
        else
            result = virtio_read(lba, piece, next);
        count -= piece;
        lba += piece;
        next += piece * DISK_SECTOR_SIZE;
    }
    return result;
}

struct fat16 *volume(void) {
    static struct fat16 fat;
    static bool tried, mounted;
    if (tried)
        return mounted ? &fat : NULL;
    tried = true;
    if (boot.ramdisk_phys || boot.block_read || virtio_init())
        mounted = !fat16_mount(&fat, block_read, NULL, DISK_PARTITION_LBA);
    return mounted ? &fat : NULL;
}
