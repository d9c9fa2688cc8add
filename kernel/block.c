/* SPDX-License-Identifier: MIT */
/* The disk, whichever there is: in memory, read by the firmware, virtio-blk or IDE; and the FAT16 volume on
 * it.
 */
#include "grow.h"

typedef int (*firmware_read_fn)(uint64_t context, uint64_t lba, uint32_t count, void *buffer);

#ifdef CONFIG_RAMDISK
static int memory_read(uint64_t lba, uint32_t count, void *buffer) {
    memcpy(buffer, direct(boot.ramdisk_phys + lba * DISK_SECTOR_SIZE), (uint64_t)count * DISK_SECTOR_SIZE);
    return 0;
}

/* Whether memory holds these sectors; of a large image it may hold only the beginning. */
static bool in_memory(uint64_t lba, uint32_t count) {
    const uint64_t sectors = boot.ramdisk_size / DISK_SECTOR_SIZE;
    return lba <= sectors && count <= sectors - lba;
}
#endif

static int firmware_read(uint64_t lba, uint32_t count, void *buffer) {
    timer_pause(true);
    low_memory_map(true);
    const int result = ((firmware_read_fn)boot.block_read)(boot.block_context, lba, count, buffer);
    low_memory_map(false);
    timer_pause(false);
    return result;
}

/* Neither firmware nor a device may meet a page that is missing: the stack's are made here, a bad one faults.
 */
static void touch(volatile uint8_t *at, uint64_t length) {
    for (const volatile uint8_t *const end = at + length; at < end;
         at = (uint8_t *)page_floor((uint64_t)at + PAGE_SIZE))
        *at = *at;
}

#if defined(CONFIG_VIRTIO) || defined(CONFIG_IDE)
static int (*own_read)(uint64_t lba, uint32_t count, void *buffer); /* a driver's; null: none */

/* Looks for a driver when a disk is first wanted: an image in memory may be all that a workload reads. Where
 * the firmware reads disks, it must be the disk that was booted: a firmware reads some of them a sector or
 * two bytes at a time. */
static bool own_ready(void) {
    static uint8_t booted[DISK_SECTOR_SIZE];
    static bool tried;
    if (tried)
        return own_read;
    tried = true;
    if (boot.block_read && firmware_read(0, 1, booted)) /* first: it cannot read a device that is ours */
        return false;
#ifdef CONFIG_VIRTIO
    static uint8_t here[DISK_SECTOR_SIZE];
    if (virtio_init() &&
        (!boot.block_read || (!virtio_read(0, 1, here) && !memcmp(here, booted, sizeof here))))
        own_read = virtio_read;
#endif
#ifdef CONFIG_IDE
    if (!own_read && boot.block_read && ide_init(booted))
        own_read = ide_read;
#endif
    return own_read;
}
#else
static bool own_ready(void) {
    return false;
}
#endif

/* Reads sectors to any mapped address. Returns 0 or an error. It is what fat16.c reads the disk with. */
static int block_read(void *context, uint64_t lba, uint32_t count, void *buffer) {
    (void)context;
    touch(buffer, (uint64_t)count * DISK_SECTOR_SIZE);
#ifdef CONFIG_RAMDISK
    if (in_memory(lba, count))
        return memory_read(lba, count, buffer);
#endif
#if defined(CONFIG_VIRTIO) || defined(CONFIG_IDE)
    if (own_ready()) {
        const int result = own_read(lba, count, buffer);
#ifdef CONFIG_IDE
        if (result && own_read == ide_read) /* the firmware has the last word, now and from now on */
            own_read = NULL;
        else
#endif
            return result;
    }
#endif
#if defined(CONFIG_RAMDISK) || defined(CONFIG_VIRTIO)
    if (!boot.block_read)
        return -EIO;
#endif
    return firmware_read(lba, count, buffer);
}

static bool disk_init(void) {
#ifdef CONFIG_RAMDISK
    if (boot.ramdisk_size)
        return true;
#endif
    return boot.block_read || own_ready();
}

struct fat16 *volume(void) {
    static struct fat16 fat;
    static bool tried, mounted;
    if (!tried)
        mounted = disk_init() && !fat16_mount(&fat, block_read, NULL, DISK_PARTITION_LBA);
    tried = true;
    return mounted ? &fat : NULL;
}
