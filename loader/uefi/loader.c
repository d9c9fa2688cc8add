/* SPDX-License-Identifier: MIT */
/* UEFI loader, EFI/BOOT/BOOTX64.EFI: reads the part of the partition that is in use into memory, where it is
 * the kernel's disk, checks KERNEL.BIN, ends the firmware's services and jumps. */
#include "bareflow/fat16.h"
#include "bareflow/gen/boot.h"
#include "bareflow/gen/memmap.h"
#include "bareflow/gen/verdict.h"
#include "efi.h"
#include "kernel_check.h"

#define PAGE 4096ull
#define BELOW_4_GIB 0xffffffff
#define READ_SECTORS 2048 /* in one call of the firmware */
#define MARK 0x6b72616d20746f6eull
#define COM1 0x3f8
#define COM2 0x2f8
#define CR4_PAE 0x20
#define CR4_LA57 0x1000
#define CPUID_NX (1u << 20)
#define WHITE 0xffffff /* of 32-bit pixels whose colours have eight bits each */

/* At RAMDISK_LOADER in the disk in memory, which has nothing else there. */
struct room {
    uint64_t pml4[512], pdpt[512], upper[512], pd[5][512];
    struct boot_info info;
    struct memory_range ranges[2000];
    uint8_t firmware_map[0x8000];
    uint8_t stack[0x4000];
};
_Static_assert(sizeof(struct room) <= RAMDISK_KERNEL - RAMDISK_LOADER, "the loader's variables do not fit");

/* What the build knows of this program: where in memory its code and constants lie, from its first byte, and
 * the CRC-32 over them with this field zero (bareflow/image/uefi.py). */
static const volatile struct {
    uint32_t magic, at, size, crc;
} self = {0x4b434642, 0, 0, 0};

extern const uint8_t __ImageBase[]; /* by the linker */

static struct efi_system_table *table;
static struct efi_block_io *disk;
static uint8_t *memory; /* the disk in memory, when it is there */

static void say(const uint16_t *text) {
    table->output->output_string(table->output, text);
}

/* Says "bareflow: boot failure" and a sentence that begins with its letter, and ends the machine. */
static _Noreturn void fail(const char *sentence) {
    uint16_t text[64], *next = text;
    while (*sentence)
        *next++ = (uint8_t)*sentence++;
    *next++ = '\r';
    *next++ = '\n';
    *next = 0;
    say(u"bareflow: boot failure ");
    say(text);
    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)VERDICT_BOOT_FAILED), "Nd"((uint16_t)DEBUG_EXIT_PORT));
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void copy(void *to, const void *from, uint64_t count) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

static void *protocol(efi_handle handle, efi_guid guid) {
    void *interface;
    if (table->boot->handle_protocol(handle, &guid, &interface))
        fail("D: no disk to read");
    return interface;
}

/* Reads with a mark at each sector's end beforehand. Returns how many marks are still there: firmware exists
 * (EDK II's AHCI driver) that calls a read a success of which the drive has sent nothing. -1: an error. */
static int read_marked(uint64_t lba, uint32_t count, uint8_t *buffer, uint64_t mark) {
    int left = 0;
    for (uint32_t i = 1; i <= count; i++)
        ((uint64_t *)(buffer + (uint64_t)i * DISK_SECTOR_SIZE))[-1] = mark;
    if (disk->read_blocks(disk, disk->media->id, lba - DISK_PARTITION_LBA, (uint64_t)count * DISK_SECTOR_SIZE,
                          buffer))
        return -1;
    for (uint32_t i = 1; i <= count; i++)
        left += ((volatile uint64_t *)(buffer + (uint64_t)i * DISK_SECTOR_SIZE))[-1] == mark;
    return left;
}

/* Sectors of the whole disk, of which the firmware shows us the partition. */
static int read_disk(void *context, uint64_t lba, uint32_t count, void *buffer) {
    (void)context;
    if (memory) {
        copy(buffer, memory + lba * DISK_SECTOR_SIZE, (uint64_t)count * DISK_SECTOR_SIZE);
        return 0;
    }
    const int left = read_marked(lba, count, buffer, MARK);
    return left && (left < 0 || read_marked(lba, count, buffer, ~MARK)); /* a sector may hold one of them */
}

/* The sentences of fat16.c's errors, by their numbers. */
static void check(int64_t error) {
    static const char sentences[][20] = {"D: disk read error", "F: no FAT16 volume", "X: cluster chain",
                                         "K: no KERNEL.BIN"};
    if (error < 0)
        fail(sentences[-1 - error]);
}

/* The sector behind the last that a file uses: of the FAT only its free end is read. */
static uint64_t used_end(struct fat16 *fs) {
    uint32_t cluster = fs->cluster_limit;
    uint16_t entries[DISK_SECTOR_SIZE / 2];
    for (uint64_t at = 0; cluster > 2; cluster--) {
        const uint64_t sector = fs->fat_lba + (cluster - 1) / 256;
        if (sector != at && read_disk(NULL, sector, 1, entries))
            check(FAT16_EIO);
        at = sector;
        if (entries[(cluster - 1) % 256])
            break;
    }
    return fs->data_lba + (uint64_t)cluster * fs->cluster_sectors;
}

/* Reads the partition up to sector `end` of the disk to its place in memory. */
static uint8_t *read_all(uint64_t end) {
    uint64_t address = BELOW_4_GIB; /* the kernel needs to be mapped 1:1 */
    const uint64_t pages = (end * DISK_SECTOR_SIZE + PAGE - 1) / PAGE;
    if (table->boot->allocate_pages(EFI_ALLOCATE_MAX_ADDRESS, EFI_LOADER_DATA, pages, &address))
        fail("Z: no memory for the files");
    for (uint64_t lba = DISK_PARTITION_LBA, count; lba < end; lba += count) {
        count = end - lba < READ_SECTORS ? end - lba : READ_SECTORS;
        if (read_disk(NULL, lba, (uint32_t)count, (uint8_t *)address + lba * DISK_SECTOR_SIZE))
            check(FAT16_EIO);
    }
    return (uint8_t *)address;
}

static struct kernel_header *load_kernel(struct fat16 *fs) {
    struct kernel_header *kernel = (struct kernel_header *)(memory + RAMDISK_KERNEL);
    struct fat16_file file;
    check(fat16_open_root(fs, "KERNEL  BIN", &file));
    if (file.size > RAMDISK_KERNEL_ROOM)
        file.size = RAMDISK_KERNEL_ROOM; /* the head will tell */
    check(fat16_read(fs, &file, 0, kernel, file.size));
    const char *sentence = kernel_check(kernel, file.size, RAMDISK_KERNEL_ROOM);
    if (sentence)
        fail(sentence);
    return kernel;
}

/* Firmware does not check what it loads. What is wrong in the way to here can still do anything. */
static void check_self(void) {
    static const uint32_t zero;
    const uint8_t *const crc_at = (const uint8_t *)&self.crc, *const first = __ImageBase + self.at,
                         *const rest = crc_at + sizeof zero;
    uint32_t crc = bf_crc32(0, first, (size_t)(crc_at - first));
    crc = bf_crc32(crc, &zero, sizeof zero);
    if (bf_crc32(crc, rest, (size_t)(first + self.size - rest)) != self.crc)
        fail("C: checksum of BOOTX64.EFI");
}

/* The kernel needs what we cannot give it from here: four levels of page tables, and no-execute. */
static void check_processor(void) {
    uint32_t eax = 0x80000001, edx;
    uint64_t cr4;
    __asm__ volatile("cpuid" : "+a"(eax), "=d"(edx) : : "ebx", "ecx");
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    if (!(edx & CPUID_NX) || cr4 & CR4_LA57)
        fail(cr4 & CR4_LA57 ? "L: five-level paging is on" : "L: no 64-bit processor with NX");
}

static void find_screen(struct boot_info *info) {
    struct efi_graphics_output *graphics;
    if (table->boot->locate_protocol(&EFI_GRAPHICS_OUTPUT, NULL, (void **)&graphics))
        return;
    const struct efi_graphics_mode *mode = graphics->mode;
    const uint32_t format = mode->info->format, *masks = mode->info->masks;
    if (format > EFI_BLUE_LOWEST && (format != EFI_BIT_MASKS || (masks[0] | masks[1] | masks[2]) != WHITE)) {
        say(u"no framebuffer\r\n");
        return;
    }
    info->framebuffer = mode->framebuffer;
    info->framebuffer_width = mode->info->width;
    info->framebuffer_height = mode->info->height;
    info->framebuffer_pitch = mode->info->pixels_per_line * 4;
    info->framebuffer_format = mode->info->format == EFI_RED_LOWEST;
}

static void find_acpi(struct boot_info *info) {
    const efi_guid wanted = EFI_ACPI_20;
    for (uint64_t i = 0; i < table->configuration_count; i++)
        if (table->configuration[i].guid.low == wanted.low &&
            table->configuration[i].guid.high == wanted.high)
            info->rsdp = table->configuration[i].table;
}

static uint32_t kind_of(uint32_t type) {
    switch (type) {
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
        return MEMORY_LOADER;
    case EFI_BOOT_SERVICES_CODE:
    case EFI_BOOT_SERVICES_DATA:
    case EFI_CONVENTIONAL:
        return MEMORY_USABLE;
    case EFI_ACPI_RECLAIM:
        return MEMORY_ACPI;
    case EFI_ACPI_NVS:
        return MEMORY_NVS;
    default:
        return MEMORY_RESERVED;
    }
}

/* Neighbours of one kind become one range: the kernel looks at all of them for each page. */
static void add_range(struct room *room, const struct efi_memory_descriptor *found) {
    struct boot_info *info = &room->info;
    struct memory_range *last = &room->ranges[info->memory_count - 1];
    const uint64_t length = found->pages * PAGE;
    const uint32_t kind = kind_of(found->type);
    if (info->memory_count && last->kind == kind && last->base + last->length == found->physical)
        last->length += length;
    else if (info->memory_count < sizeof room->ranges / sizeof room->ranges[0])
        room->ranges[info->memory_count++] = (struct memory_range){found->physical, length, kind, 0};
}

/* Takes the machine from the firmware. The first try may change the map that it is refused for (7.4.6). */
static void exit_firmware(efi_handle image, struct room *room) {
    uint64_t size, key, step;
    uint32_t version;
    for (unsigned tries = 3;; tries--) {
        size = sizeof room->firmware_map;
        if (tries == 0 || table->boot->get_memory_map(&size, room->firmware_map, &key, &step, &version))
            fail("M: no memory map");
        if (!table->boot->exit_boot_services(image, key))
            break;
    }
    for (uint64_t at = 0; at + step <= size; at += step)
        add_range(room, (const struct efi_memory_descriptor *)(room->firmware_map + at));
}

/* Maps a GiB 1:1 in large pages. */
static void map_gib(uint64_t *pdpt, uint64_t *pd, uint64_t address) {
    pdpt[address >> 30 & 511] = (uint64_t)pd | 3;
    uint64_t entry = address >> 30 << 30 | 0x83;
    for (uint64_t i = 0; i < 512; i++, entry += 1 << 21)
        pd[i] = entry;
}

/* The low 4 GiB 1:1, until the kernel makes its own tables; and this program, which firmware may have put
 * above them: the instructions behind the change of tables are still its own. */
static void make_tables(struct room *room) {
    const uint64_t here = (uint64_t)__ImageBase;
    room->pml4[0] = (uint64_t)room->pdpt | 3;
    for (uint64_t i = 0; i < 4; i++)
        map_gib(room->pdpt, room->pd[i], i << 30);
    uint64_t *const pdpt = here >> 39 ? room->upper : room->pdpt;
    room->pml4[here >> 39] = (uint64_t)pdpt | 3;
    map_gib(pdpt, room->pd[4], here);
}

static _Noreturn void jump(struct room *room, struct kernel_header *kernel) {
    __asm__ volatile("cli\n\t"
                     "cld\n\t"
                     "mov %0, %%cr4\n\t"
                     "mov %1, %%cr3\n\t"
                     "mov %2, %%rsp\n\t"
                     "jmp *%3"
                     :
                     : "r"((uint64_t)CR4_PAE), "r"(room->pml4), "r"((uint8_t *)(room + 1)),
                       "r"((uint8_t *)kernel + kernel->entry_offset), "D"(&room->info)
                     : "memory");
    __builtin_unreachable();
}

static uint64_t time_stamp(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

efi_status efi_main(efi_handle image, struct efi_system_table *system);
efi_status efi_main(efi_handle image, struct efi_system_table *system) {
    const uint64_t stamp = time_stamp();
    struct fat16 fs;
    table = system;
    check_self();
    table->boot->set_watchdog_timer(0, 0, 0,
                                    NULL); /* it would reset a machine that reads long, or shows why not */
    check_processor();
    disk = protocol(((struct efi_loaded_image *)protocol(image, EFI_LOADED_IMAGE))->device, EFI_BLOCK_IO);
    if (disk->media->block_size != DISK_SECTOR_SIZE)
        fail("D: the disk's sectors do not have 512 bytes");
    check(fat16_mount(&fs, read_disk, NULL, DISK_PARTITION_LBA));
    const uint64_t end = used_end(&fs);
    memory = read_all(end);
    struct kernel_header *kernel = load_kernel(&fs);
    struct room *room = (struct room *)(memory + RAMDISK_LOADER);
    void *rest = room;
    uint64_t size = sizeof *room;
    __asm__ volatile("rep stosb" : "+D"(rest), "+c"(size) : "a"(0) : "memory");
    make_tables(room);
    struct boot_info *info = &room->info;
    info->magic = BOOT_INFO_MAGIC;
    info->size = sizeof *info;
    info->version = BOOT_INFO_VERSION;
    info->source = BOOT_SOURCE_UEFI;
    info->memory_map = (uint64_t)room->ranges;
    info->kernel_phys = (uint64_t)kernel;
    info->ramdisk_phys = (uint64_t)memory;
    info->ramdisk_size = end * DISK_SECTOR_SIZE;
    info->com1 = COM1;
    info->com2 = COM2;
    info->stamps[STAMP_LOADER] = stamp;
    find_screen(info);
    find_acpi(info);
    exit_firmware(image, room);
    jump(room, kernel);
}
