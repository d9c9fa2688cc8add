/* SPDX-License-Identifier: MIT */
/* Everything one kernel file offers the others, under the file's name. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bareflow/fat16.h"
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "bareflow/gen/snapshot.h"
#include "bareflow/gen/verdict.h"
#include "bareflow/gen/wire.h"
#include "frame.h"
#include "linux.h"

#define PAGE_SIZE 4096ull
#define LARGE_PAGE_SIZE 0x200000ull

static inline uint64_t page_floor(uint64_t address) {
    return address & -PAGE_SIZE;
}

static inline uint64_t page_ceiling(uint64_t address) {
    return page_floor(address + PAGE_SIZE - 1);
}

/* Any physical address through the direct map. */
static inline void *direct(uint64_t physical) {
    return (void *)(MEM_DIRECT_MAP + physical);
}

/* main.c */
extern struct boot_info boot;
void stamp(unsigned index);

/* cpu.c */
extern uint32_t cpu_words[8]; /* the CPUID outputs that snapshots name features by */
void cpu_init(void);

/* memory.c: physical memory */
void memory_init(void);
uint64_t page_alloc(bool large); /* a zeroed page's physical address; 0: no memory left */
#ifdef CONFIG_MEMORY
void page_free(uint64_t physical, bool large);
#else
static inline void page_free(uint64_t physical, bool large) {
    (void)physical, (void)large;
}
#endif
uint64_t memory_free(void);  /* bytes; at most */
uint64_t memory_total(void); /* bytes */
uint64_t memory_peak(void);  /* bytes: most ever in use */

/* paging.c: the address space */
#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_LARGE 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* What may be done with a page; 0: nothing, and it needs no memory. The first two are PTE bits. */
#define ACCESS_READ 1u
#define ACCESS_WRITE 2u
#define ACCESS_EXECUTE 4u
#define ACCESS_DATA (ACCESS_READ | ACCESS_WRITE)
#define ACCESS_CODE (ACCESS_READ | ACCESS_EXECUTE)

enum change {
    CHANGE_CHECK,   /* an error if anything is there */
    CHANGE_SET,     /* memory, or only a reservation, where nothing is; new access where something is */
    CHANGE_PROTECT, /* new access; -ENOMEM where nothing is */
    CHANGE_ZERO,    /* zero what is there */
    CHANGE_UNMAP,   /* give back what is there */
};

int64_t space_change(uint64_t at, uint64_t end, unsigned change, unsigned access); /* may fail half done */
uint64_t space_physical(uint64_t address);                                         /* 0: not present */
int space_access(uint64_t address);                                                /* ACCESS_…, or an error */
int64_t space_move(uint64_t from, uint64_t to, uint64_t length);
void paging_init(void);
void low_memory_map(bool mapped); /* the first MiB 1:1, for the firmware's disk calls */

/* map.c: mmap and kin */
extern uint64_t stack_bottom, break_start, page_faults;
bool stack_fault(uint64_t address);                /* a page for the workload's stack; false: not the stack */
bool space_valid(uint64_t start, uint64_t length); /* the workload may have memory there */
int64_t space_fill(uint64_t start, uint64_t length, unsigned access); /* 0, or -ENOMEM and nothing done */

/* serial.c: UARTs */
void serial_init(void);
void serial_put(uint16_t port, const void *bytes, size_t count);
int serial_get(uint16_t port); /* a byte, or -1 */
void serial_drain(uint16_t port);

/* console.c: text for people */
void console_init(void);
void console_write(const void *bytes, size_t count, unsigned stream);
void console_flush(void); /* tells the wire whose the last bytes were */
bool console_ready(void);
int64_t console_read(uint8_t *bytes, uint64_t count);
void say(const char *text);
void say_values(const char *text, uint64_t first,
                uint64_t second); /* '%' is the next in decimal, '#' in hex */

/* wire.c: frames on COM2 */
extern union wire_payload {
    struct final_record final;
    struct started_record started;
    struct text_mark mark;
    struct {
        struct text_mark mark;
        uint8_t bytes[240];
    } text;
    struct {
        struct trap_record record;
        uint64_t words[TRAP_STACK_WORDS];
    } trap;
} *const wire_payload;
void wire_send(unsigned type, size_t size); /* what lies in wire_payload */

/* exit.c */
_Noreturn void finish(uint32_t verdict, int32_t status);
_Noreturn void panic(const char *sentence);

/* trap.c */
void trap_handle(struct frame *frame);

/* block.c: the disk and the FAT16 volume on it */
struct fat16 *volume(void); /* null: no disk, or no file system on it */

/* pci.c: devices are numbered by bus, slot and function */
#define PCI_FUNCTIONS (8 * 32 * 8) /* of the first eight buses */
#define PCI_CLASS 0x08
#define PCI_CLASS_IDE 0x0101u
#define PCI_IDE_MASTER 0x80u /* of the programming interface */
#define PCI_BAR0 0x10
uint32_t pci_read(uint32_t device, uint32_t where);
void pci_enable(uint32_t device);
uint16_t
pci_ports(uint32_t identity); /* of the first such device (its id and its maker's), made ready; 0: none */

/* ide.c */
bool ide_init(const void *wanted); /* looks for the drive whose first sector this is */
int ide_read(uint64_t lba, uint32_t count, void *buffer);

/* virtio.c */
bool virtio_init(void);
int virtio_read(uint64_t lba, uint32_t count, void *buffer);

/* virtio_mmio.c */
uint16_t virtio_mmio_init(uint64_t physical);
void virtio_mmio_notify(void);

/* acpi.c: the firmware's tables */
struct acpi_table {
    char signature[4];
    uint32_t length;
    uint8_t rest[28];
};
const struct acpi_table *
acpi_table_at(uint64_t physical); /* null unless below 4 GiB and its bytes add up to 0 */
const struct acpi_table *acpi_find(const char *signature); /* null: not there */

/* power.c: what follows a workload's end; comes back where the machine cannot */
void power_end(void);

/* acpi.c, framebuffer.c, vga.c: machines without a serial port where a PC has it; each may find nothing */
#ifdef CONFIG_ACPI
void acpi_serial(void);
#else
static inline void acpi_serial(void) {}
#endif
#ifdef CONFIG_FRAMEBUFFER
void framebuffer_init(void);
void framebuffer_put(uint8_t byte);
#else
static inline void framebuffer_init(void) {}
static inline void framebuffer_put(uint8_t byte) {
    (void)byte;
}
#endif
#ifdef CONFIG_VGA
void vga_init(void);
void vga_put(uint8_t byte);
#else
static inline void vga_init(void) {}
static inline void vga_put(uint8_t byte) {
    (void)byte;
}
#endif

/* snapshot.c */
extern bool workload_runs;
extern uint64_t stack_size;
_Noreturn void snapshot_start(void);

int file_find(struct fat16 *fat, const char *name, const char *short_name, struct fat16_file *file);

/* Where mmap will begin, the snapshot and the arguments are read to; all of it is free again when the
 * workload runs. */
#define ARGUMENTS_BUFFER (MEM_MMAP_BASE + (4ull << 30)) /* FAT16 files are shorter */
#define BUFFERS_SIZE ((4ull << 30) + LARGE_PAGE_SIZE)

/* args.c: program arguments */
struct arguments {
    const char *text; /* NUL-terminated strings: the arguments, then the environment */
    uint32_t size, argument_count, string_count;
};
void arguments_read(struct arguments *found); /* `found` is zero */

/* clock.c */
extern uint64_t clock_hz; /* TSC ticks in a second; 0: not measured yet */
uint64_t clock_ns(void);  /* since the kernel's entry */

/* file.c */
int64_t file_read_at(uint64_t fd, void *bytes, uint64_t count, uint64_t offset);

/* process.c */
uint64_t random_word(void);

/* entry.S */
extern uint8_t syscall_entry[], syscall_fault[], stacks[], syscall_stack_top[];
extern uint64_t pml4[512], direct_pdpt[512], kernel_pt[512];
_Noreturn void resume(struct frame *frame);

/* kernel.ld */
extern uint8_t kernel_start[], kernel_data[], kernel_end[];

/* string.c */
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
const char *text_at(const char *list, unsigned index); /* of texts each ended by NUL */

#endif
