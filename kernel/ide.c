/* SPDX-License-Identifier: MIT */
/* The booted disk on an IDE controller, read by bus-master DMA: firmware reads it two bytes at a time. One
 * request at a time, polled. Sources: Programming Interface for Bus Master IDE Controller 1.0; PCI IDE
 * Controller Specification 1.0; ATA/ATAPI-6, 6.20 and 8.26. */
#ifdef CONFIG_IDE
#include "kernel.h"
#include "x86.h"

#define NATIVE_PRIMARY 1u /* of the programming interface; the secondary's bit is the fourth of this */
#define READ_DMA_EXT 0x25
#define BUSY 0x80
#define REQUEST 0x08
#define FAULT_OR_ERROR 0x21
#define NO_INTERRUPT 2
#define MASTER_STOP 0
#define MASTER_TO_MEMORY 8 /* the direction; the next goes */
#define MASTER_GO 9
#define MASTER_ACTIVE 1
#define MASTER_ERROR 2
#define MASTER_CLEAR 6 /* written: forget error and interrupt */
#define REGION 0x10000 /* no region may cross such a boundary */
#define LAST_REGION 0x8000
#define PIECE 128           /* sectors: as much as two regions hold wherever they begin */
#define PATIENCE (1u << 22) /* looks at the status, each some microseconds */

enum { DATA, ERROR, COUNT, LBA_LOW, LBA_MIDDLE, LBA_HIGH, SELECT, COMMAND };
enum { MASTER_COMMAND = 0, MASTER_STATUS = 2, MASTER_TABLE = 4 };

static struct {
    uint16_t ports, control, master;
    uint8_t select;
} drive;

static struct {
    uint32_t address;
    uint16_t size, last; /* a size of 0 is 64 KiB */
} regions[2] __attribute__((aligned(16)));

static uint8_t bounce[PIECE * DISK_SECTOR_SIZE] __attribute__((aligned(4096), section(".bss.pages")));

/* The drive's status once it has had the 400 ns to change it. */
static uint8_t status(void) {
    for (unsigned i = 0; i < 4; i++)
        inb(drive.control);
    return inb(drive.control);
}

static bool wait(void) {
    uint32_t left = PATIENCE;
    while (status() & (BUSY | REQUEST))
        if (!--left)
            return false;
    return true;
}

static void describe(uint32_t size) {
    const uint32_t address = (uint32_t)space_physical((uint64_t)bounce);
    uint32_t first = REGION - address % REGION;
    if (first > size)
        first = size;
    regions[0].address = address;
    regions[0].size = (uint16_t)first;
    regions[0].last = first == size ? LAST_REGION : 0;
    regions[1].address = address + first;
    regions[1].size = (uint16_t)(size - first);
    regions[1].last = LAST_REGION;
}

/* The registers take the upper half of each number first. */
static void ask(uint64_t lba, uint32_t count) {
    const uint16_t ports = drive.ports;
    for (unsigned half = 0; half < 2; half++) {
        const unsigned shift = half ? 0 : 24;
        outb(ports + COUNT, half ? (uint8_t)count : 0);
        outb(ports + LBA_LOW, (uint8_t)(lba >> shift));
        outb(ports + LBA_MIDDLE, (uint8_t)(lba >> (shift + 8)));
        outb(ports + LBA_HIGH, (uint8_t)(lba >> (shift + 16)));
    }
    outb(ports + COMMAND, READ_DMA_EXT);
}

/* Reads at most PIECE sectors to `bounce`. */
static bool transfer(uint64_t lba, uint32_t count) {
    const uint16_t master = drive.master;
    outb(drive.control, NO_INTERRUPT);
    outb(drive.ports + SELECT, drive.select);
    if (!status() || status() & (BUSY | REQUEST))
        return false;
    describe(count * DISK_SECTOR_SIZE);
    outb(master + MASTER_COMMAND, MASTER_TO_MEMORY);
    outl(master + MASTER_TABLE, (uint32_t)space_physical((uint64_t)regions));
    outb(master + MASTER_STATUS, inb(master + MASTER_STATUS) | MASTER_CLEAR);
    ask(lba, count);
    __asm__ volatile("" ::: "memory");
    outb(master + MASTER_COMMAND, MASTER_GO);
    const bool idle = wait();
    const uint8_t result = inb(master + MASTER_STATUS);
    outb(master + MASTER_COMMAND, MASTER_STOP);
    __asm__ volatile("" ::: "memory");
    const uint8_t end = inb(drive.ports + COMMAND); /* takes an interrupt back, too */
    outb(drive.control, 0);
    return idle && !(end & FAULT_OR_ERROR) && !(result & (MASTER_ACTIVE | MASTER_ERROR));
}

int ide_read(uint64_t lba, uint32_t count, void *buffer) {
    uint8_t *next = buffer;
    for (uint32_t piece; count; count -= piece, lba += piece, next += piece * DISK_SECTOR_SIZE) {
        piece = count < PIECE ? count : PIECE;
        if (!transfer(lba, piece))
            return -EIO;
        memcpy(next, bounce, piece * DISK_SECTOR_SIZE);
    }
    return 0;
}

/* Whether one of a controller's four drives begins with the sector `wanted`. */
static bool find(uint32_t device, uint32_t interface, const void *wanted) {
    const uint16_t master = (uint16_t)(pci_read(device, PCI_BAR0 + 4 * 4) & ~3u);
    for (unsigned i = 0; i < 4; i++) {
        const unsigned second = i / 2, base = PCI_BAR0 + 8 * second;
        const bool native = interface & NATIVE_PRIMARY << 2 * second;
        drive.ports = native ? (uint16_t)(pci_read(device, base) & ~3u) : second ? 0x170 : 0x1f0;
        drive.control = native ? (uint16_t)((pci_read(device, base + 4) & ~3u) + 2) : second ? 0x376 : 0x3f6;
        drive.master = (uint16_t)(master + 8 * second);
        drive.select = 0xe0 | (i & 1) << 4;
        memset(bounce, 0, DISK_SECTOR_SIZE);
        if (master && drive.ports && transfer(0, 1) && !memcmp(bounce, wanted, DISK_SECTOR_SIZE))
            return true;
    }
    return false;
}

bool ide_init(const void *wanted) {
    for (uint32_t device = 0; device < PCI_FUNCTIONS; device++) {
        const uint32_t class = pci_read(device, PCI_CLASS);
        if (class >> 16 != PCI_CLASS_IDE || !(class >> 8 & PCI_IDE_MASTER))
            continue;
        pci_enable(device);
        if (find(device, class >> 8, wanted))
            return true;
    }
    return false;
}
#endif
