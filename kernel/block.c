/* SPDX-License-Identifier: MIT */
/* The disk, whichever there is: in memory, read by the firmware, or virtio-blk; and the FAT16 volume on it.
 */
#include "kernel.h"

typedef int (*firmware_read_fn)(uint64_t context, uint64_t lba, uint32_t count, void *buffer);

#ifdef CONFIG_VIRTIO
static int memory_read(uint64_t lba, uint32_t count, void *buffer) {
    const uint64_t sectors = boot.ramdisk_size / DISK_SECTOR_SIZE;
    if (lba > sectors || count > sectors - lba)
        return -EIO;
    memcpy(buffer, direct(boot.ramdisk_phys + lba * DISK_SECTOR_SIZE), (uint64_t)count * DISK_SECTOR_SIZE);
    return 0;
}

#endif

static int firmware_read(uint64_t lba, uint32_t count, void *buffer) {
    low_memory_map(true);
    const int result = ((firmware_read_fn)boot.block_read)(boot.block_context, lba, count, buffer);
    low_memory_map(false);
    return result;
}

/* Neither firmware nor a device may meet a page that is missing: the stack's are made here, a bad one faults.
 */
static void touch(volatile uint8_t *at, uint64_t length) {
    for (const volatile uint8_t *const end = at + length; at < end;
         at = (uint8_t *)page_floor((uint64_t)at + PAGE_SIZE))
        *at = *at;
}

/* Reads sectors to any mapped address. Returns 0 or an error. It is what fat16.c reads the disk with. */
static int block_read(void *context, uint64_t lba, uint32_t count, void *buffer) {
    (void)context;
    touch(buffer, (uint64_t)count * DISK_SECTOR_SIZE);
#ifdef CONFIG_VIRTIO
    if (boot.ramdisk_phys)
        return memory_read(lba, count, buffer);
    if (!boot.block_read)
        return virtio_read(lba, count, buffer);
#endif
    return firmware_read(lba, count, buffer);
}

static bool disk_init(void) {
#ifdef CONFIG_VIRTIO
    return boot.ramdisk_phys || boot.block_read || virtio_init();
#else
    return boot.block_read;
#endif
}

struct fat16 *volume(void) {
    static struct fat16 fat;
    static bool tried, mounted;
    if (!tried)
        mounted = disk_init() && !fat16_mount(&fat, block_read, NULL, DISK_PARTITION_LBA);
    tried = true;
    return mounted ? &fat : NULL;
}
