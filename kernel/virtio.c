/* SPDX-License-Identifier: MIT */
/* virtio-blk on PCI through the legacy interface, which transitional devices (QEMU's default) offer; one
 * request at a time, polled. Source: Virtual I/O Device (VIRTIO) 1.1, 2.6, 4.1.4.8 and 5.2. */
#ifdef CONFIG_VIRTIO
#include "kernel.h"
#include "x86.h"

#define TRANSITIONAL_BLOCK 0x10011af4u

enum {
    GUEST_FEATURES = 4,
    QUEUE_PAGE = 8,
    QUEUE_SIZE = 12,
    QUEUE_SELECT = 14,
    QUEUE_NOTIFY = 16,
    STATUS = 18
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4 };
enum { NEXT = 1, DEVICE_WRITES = 2 };

#define LARGEST_QUEUE 256
#define SMALLEST_QUEUE 128
#define REQUEST_SECTORS                                                                                      \
    ((SMALLEST_QUEUE - 4) * 8) /* a descriptor a page, two more, and one where pages are cut */

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* For the largest queue; a smaller one's parts lie closer together. */
static uint8_t queue[3 * PAGE_SIZE] __attribute__((aligned(4096), section(".bss.pages")));

static struct {
    uint32_t type, reserved;
    uint64_t sector;
    volatile uint8_t status;
} request;

static uint16_t port, queue_size, sent;

bool virtio_init(void) {
    port = pci_ports(TRANSITIONAL_BLOCK);
#ifdef CONFIG_VIRTIO_MMIO
    if (!port) {
        queue_size = virtio_mmio_init(space_physical((uint64_t)queue));
        return queue_size >= SMALLEST_QUEUE;
    }
#endif
    if (!port)
        return false;
    outb(port + STATUS, 0);
    outb(port + STATUS, ACKNOWLEDGE);
    outb(port + STATUS, ACKNOWLEDGE | DRIVER);
    outl(port + GUEST_FEATURES, 0);
    outw(port + QUEUE_SELECT, 0);
    queue_size = inw(port + QUEUE_SIZE);
    if (queue_size < SMALLEST_QUEUE || queue_size > LARGEST_QUEUE)
        return false;
    outl(port + QUEUE_PAGE, (uint32_t)(space_physical((uint64_t)queue) / PAGE_SIZE));
    outb(port + STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
    return true;
}

/* Describes [at, at + length), a piece for each run of physical memory. Returns the first free descriptor. */
static unsigned describe(unsigned index, uint64_t at, uint64_t length, uint16_t flags) {
    struct descriptor *const table = (void *)queue;
    uint64_t end = 0;
    for (uint64_t piece; length; at += piece, length -= piece) {
        const uint64_t physical = space_physical(at);
        piece = PAGE_SIZE - at % PAGE_SIZE;
        if (piece > length)
            piece = length;
        if (physical == end) {
            table[index - 1].length += (uint32_t)piece;
        } else {
            table[index] =
                (struct descriptor){physical, (uint32_t)piece, flags | NEXT, (uint16_t)(index + 1)};
            index++;
        }
        end = physical + piece;
    }
    return index;
}

static int transfer(uint64_t lba, uint32_t count, uint8_t *buffer) {
    struct descriptor *const table = (void *)queue;
    volatile uint16_t *const available = (void *)(table + queue_size); /* flags, index, ring */
    const uint64_t available_end = (uint64_t)(available + 3 + queue_size);
    volatile uint16_t *const used = (void *)page_ceiling(available_end); /* flags, index, ring */
    request.sector = lba;
    request.status = 255;
    unsigned index = describe(0, (uint64_t)&request, offsetof(typeof(request), status), 0);
    index = describe(index, (uint64_t)buffer, (uint64_t)count * DISK_SECTOR_SIZE, DEVICE_WRITES);
    index = describe(index, (uint64_t)&request.status, 1, DEVICE_WRITES);
    table[index - 1].flags = DEVICE_WRITES;
    __asm__ volatile("" ::: "memory"); /* x86 keeps the order of writes; the compiler must too */
    available[1] = ++sent;             /* the ring's entries are all 0: the chain's head */
#ifdef CONFIG_VIRTIO_MMIO
    if (!port)
        virtio_mmio_notify();
    else
#endif
        outw(port + QUEUE_NOTIFY, 0);
    while (used[1] != sent)
        pause();
    __asm__ volatile("" ::: "memory");
    return request.status ? -EIO : 0;
}

int virtio_read(uint64_t lba, uint32_t count, void *buffer) {
    uint8_t *next = buffer;
    int result = 0;
    for (uint32_t piece; count && !result; count -= piece, lba += piece, next += piece * DISK_SECTOR_SIZE) {
        piece = count < REQUEST_SECTORS ? count : REQUEST_SECTORS;
        result = transfer(lba, piece, next);
    }
    return result;
}
#endif
