/* SPDX-License-Identifier: MIT */
/* A kernel that tries stage 2's boot info and its disk calls, and says on COM1 what is wrong, or "all is
 * well". The disk holds, from TEST_LBA on, TEST_SECTORS sectors whose 32-bit words count up from zero. */
#include <bareflow/gen/boot.h>
#include <bareflow/gen/memmap.h>
#include <bareflow/gen/verdict.h>

#define BUFFER 0x1000000 /* 16 MiB: far above what the firmware can reach */
#define WORDS (DISK_SECTOR_SIZE / 4)

typedef int (*block_read_fn)(uint64_t context, uint64_t lba, uint32_t count, void *buffer);

static uint16_t port;

static void out8(uint16_t to, uint8_t value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(to));
}

static void say(const char *text) {
    for (; *text; text++) {
        uint8_t status;
        do
            __asm__ volatile("inb %1, %0" : "=a"(status) : "Nd"((uint16_t)(port + 5)));
        while (!(status & 0x20));
        out8(port, (uint8_t)*text);
    }
}

static _Noreturn void end(const char *text) {
    say(text);
    say("\n");
    out8(DEBUG_EXIT_PORT, VERDICT_EXITED);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* State that a disk call must leave alone. */
struct state {
    uint64_t cr0, cr3, cr4, flags, fs_base, gs_base, efer;
    uint16_t cs, ss, ds, es, fs, gs;
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdt, idt;
};

static uint64_t read_msr(uint32_t number) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return low | (uint64_t)high << 32;
}

static void write_msr(uint32_t number, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void look(struct state *s) {
    __asm__ volatile("mov %%cr0, %0" : "=r"(s->cr0));
    __asm__ volatile("mov %%cr3, %0" : "=r"(s->cr3));
    __asm__ volatile("mov %%cr4, %0" : "=r"(s->cr4));
    __asm__ volatile("pushfq; pop %0" : "=r"(s->flags));
    __asm__ volatile("mov %%cs, %0" : "=r"(s->cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(s->ss));
    __asm__ volatile("mov %%ds, %0" : "=r"(s->ds));
    __asm__ volatile("mov %%es, %0" : "=r"(s->es));
    __asm__ volatile("mov %%fs, %0" : "=r"(s->fs));
    __asm__ volatile("mov %%gs, %0" : "=r"(s->gs));
    __asm__ volatile("sgdt %0" : "=m"(s->gdt));
    __asm__ volatile("sidt %0" : "=m"(s->idt));
    s->flags &= ~0x8d5ULL; /* the arithmetic flags are the compiler's */
    s->fs_base = read_msr(0xc0000100);
    s->gs_base = read_msr(0xc0000101);
    s->efer = read_msr(0xc0000080);
}

static int differ(const void *a, const void *b, uint64_t size) {
    const uint8_t *left = a, *right = b;
    for (uint64_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return 1;
    return 0;
}

static void check_reads(block_read_fn read, uint64_t context) {
    static const uint32_t spans[][2] = {{0, 1},   {1, 127},          {3, 128},
                                        {5, 129}, {0, TEST_SECTORS}, {TEST_SECTORS - 1, 1}};
    for (uint32_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        uint32_t *buffer = (uint32_t *)(uintptr_t)(BUFFER + i * 4), count = spans[i][1] * WORDS;
        buffer[count] = 0x12345678;
        if (read(context, TEST_LBA + spans[i][0], spans[i][1], buffer) != 0)
            end("a read failed");
        for (uint32_t word = 0; word < count; word++)
            if (buffer[word] != spans[i][0] * WORDS + word)
                end("a read gave other bytes");
        if (buffer[count] != 0x12345678)
            end("a read wrote too much");
    }
    if (read(context, 1ULL << 40, 1, (void *)BUFFER) == 0)
        end("a read beyond the disk succeeded");
    if (read(context, TEST_LBA, 1, (void *)BUFFER) != 0 || *(uint32_t *)BUFFER != 0)
        end("no read succeeds after a failed one");
}

static void check_memory(const struct boot_info *info) {
    const struct memory_range *ranges = (const struct memory_range *)info->memory_map;
    uint64_t usable = 0, loader = 0;
    for (uint32_t i = 0; i < info->memory_count; i++) {
        usable += ranges[i].kind == MEMORY_USABLE ? ranges[i].length : 0;
        loader += ranges[i].kind == MEMORY_LOADER ? ranges[i].length : 0;
    }
    if (usable < 100ULL << 20 || usable > 128ULL << 20)
        end("the memory map is not of 128 MiB");
    if (loader < 0x100000 + 4096)
        end("the loader's own memory is not marked");
}

__attribute__((section(".text.start"))) _Noreturn void start(struct boot_info *info) {
    struct state before = {0}, after = {0};
    port = info->com1;
    if (info->magic != BOOT_INFO_MAGIC || info->size != sizeof *info || info->version != BOOT_INFO_VERSION)
        end("the boot info is wrong");
    if (info->source != BOOT_SOURCE_BIOS || info->com1 != 0x3f8 || info->com2 != 0x2f8)
        end("source or ports are wrong");
    if (info->kernel_phys != MEM_KERNEL_PHYS || info->stamps[STAMP_LOADER] == 0)
        end("the kernel's place or the time stamp is wrong");
    check_memory(info);
    write_msr(0xc0000100, 0x123456789000);
    write_msr(0xc0000101, 0xffff888877776000);
    look(&before);
    check_reads((block_read_fn)info->block_read, info->block_context);
    look(&after);
    end(differ(&before, &after, sizeof before) ? "a disk call changed the processor's state" : "all is well");
}
