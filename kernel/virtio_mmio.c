/* SPDX-License-Identifier: MIT */
/* virtio-blk without PCI, as microvm and Firecracker have it: the command line names each device's registers.
 * virtio.c makes the requests. Source: Virtual I/O Device (VIRTIO) 1.1, 4.2. */
#ifdef CONFIG_VIRTIO_MMIO
#include "kernel.h"

#define OPTION "virtio_mmio.device=" /* then SIZE@ADDRESS:INTERRUPT (Linux, virtio_mmio.c) */
#define MAGIC_VALUE 0x74726976
#define BLOCK_DEVICE 2
#define LARGEST_QUEUE 256u

/* Registers by their offsets in words. */
enum {
    MAGIC = 0x00 / 4,
    VERSION = 0x04 / 4,
    DEVICE = 0x08 / 4,
    FEATURES = 0x20 / 4,
    FEATURES_SELECT = 0x24 / 4,
    QUEUE_SELECT = 0x30 / 4,
    QUEUE_SIZE_MAX = 0x34 / 4,
    QUEUE_SIZE = 0x38 / 4,
    QUEUE_READY = 0x44 / 4,
    QUEUE_NOTIFY = 0x50 / 4,
    STATUS = 0x70 / 4,
    QUEUE_DESCRIPTORS = 0x80 / 4, /* 64 bits each */
    QUEUE_DRIVER = 0x90 / 4,
    QUEUE_DEVICE = 0xa0 / 4,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

static volatile uint32_t *registers;

/* The number behind the next '@', in hexadecimal as QEMU and Firecracker write it; 0: there is none. */
static uint64_t address_read(const char *text) {
    uint64_t value = 0;
    while (*text && *text != '@' && *text != ' ')
        text++;
    if (memcmp(text, "@0x", 3))
        return 0;
    for (text += 3;; text++) {
        const unsigned digit = (uint8_t)*text - '0', letter = ((uint8_t)*text | 0x20) - 'a';
        if (digit > 9 && letter > 5)
            return value;
        value = value << 4 | (digit > 9 ? letter + 10 : digit);
    }
}

/* The first block device that the command line names. */
static volatile uint32_t *find(void) {
    const char *text = direct(boot.command_line);
    if (!boot.command_line)
        return NULL;
    for (; *text; text++) {
        if (memcmp(text, OPTION, sizeof OPTION - 1))
            continue;
        const uint64_t address = address_read(text + sizeof OPTION - 1);
        volatile uint32_t *const at = direct(address);
        if (address && address <= UINT32_MAX && address % 4 == 0 && at[MAGIC] == MAGIC_VALUE &&
            at[VERSION] == 2 && at[DEVICE] == BLOCK_DEVICE)
            return at;
    }
    return NULL;
}

static void write_address(unsigned which, uint64_t physical) {
    registers[which] = (uint32_t)physical;
    registers[which + 1] = (uint32_t)(physical >> 32);
}

/* Sets the device up with a queue at `physical`: descriptors, available ring, and the used ring on the next
 * page. Returns how many descriptors it has, 0: there is no device. */
uint16_t virtio_mmio_init(uint64_t physical) {
    registers = find();
    if (!registers)
        return 0;
    registers[STATUS] = 0;
    registers[STATUS] = ACKNOWLEDGE;
    registers[STATUS] = ACKNOWLEDGE | DRIVER;
    registers[FEATURES_SELECT] = 0;
    registers[FEATURES] = 0;
    registers[FEATURES_SELECT] = 1;
    registers[FEATURES] = 1; /* VIRTIO_F_VERSION_1 */
    registers[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    registers[QUEUE_SELECT] = 0;
    uint32_t size = registers[QUEUE_SIZE_MAX];
    if (size > LARGEST_QUEUE)
        size = LARGEST_QUEUE;
    registers[QUEUE_SIZE] = size;
    write_address(QUEUE_DESCRIPTORS, physical);
    write_address(QUEUE_DRIVER, physical + 16 * size);
    write_address(QUEUE_DEVICE, page_ceiling(physical + 16 * size + 6 + 2 * size));
    registers[QUEUE_READY] = 1;
    registers[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    return (uint16_t)size;
}

void virtio_mmio_notify(void) {
    registers[QUEUE_NOTIFY] = 0;
}
#endif
