/* SPDX-License-Identifier: MIT */
/* Switches the machine off (feature power_off) or starts it again (reset), when a workload has ended by
 * itself. Sources: ACPI 6.5, 4.8.3 (registers), 5.2.9 (FADT), 7.4.2 (\_S5), 20.2 (AML); IBM PC/AT technical
 * reference (keyboard controller). */
#if defined(CONFIG_POWER_OFF) || defined(CONFIG_RESET)
#include "kernel.h"
#include "x86.h"

/* Offsets in the FADT. */
enum {
    FADT_DSDT = 40,
    FADT_SMI_COMMAND = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_CONTROL_A = 64,
    FADT_CONTROL_B = 68,
    FADT_FLAGS = 112,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_CONTROL_A = 172,
    FADT_X_CONTROL_B = 184,
    FADT_SLEEP_CONTROL = 244,
};
enum { FLAG_RESET_REGISTER = 1 << 10, FLAG_HARDWARE_REDUCED = 1 << 20 };
enum { CONTROL_ENABLED = 1, CONTROL_TYPE = 7 << 10, CONTROL_TYPE_SHIFT = 10, CONTROL_SLEEP = 1 << 13 };
enum { SLEEP_TYPE_SHIFT = 2, SLEEP_ENABLE = 1 << 5 };
enum { SPACE_MEMORY, SPACE_IO };
enum { AML_ONE = 1, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c, AML_PACKAGE = 0x12 };

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_BUSY 2
#define KEYBOARD_RESET 0xfe
#define DELAY_PORT 0x80
#define DELAYS 500000 /* reads of that port, a microsecond each on a PC */

static const struct acpi_table *fadt;

/* A number in the FADT; 0 behind its end: older ones are shorter. */
static uint64_t field(uint32_t offset, uint32_t size) {
    uint64_t value = 0;
    if (fadt && offset + size <= fadt->length)
        memcpy(&value, (const uint8_t *)fadt + offset, size);
    return value;
}

static void wait(void) {
    for (unsigned i = 0; i < DELAYS; i++)
        (void)inb(DELAY_PORT);
}

/* Writes a byte to the register that the generic address at `offset` names; then the machine should be gone.
 */
static void write_generic(uint32_t offset, uint8_t value) {
    const uint64_t space = field(offset, 1), address = field(offset + 4, 8);
    if (space == SPACE_IO && address && address <= UINT16_MAX)
        outb((uint16_t)address, value);
    else if (space == SPACE_MEMORY && address && address <= UINT32_MAX)
        *(volatile uint8_t *)direct(address) = value;
    else
        return;
    wait();
}

#ifdef CONFIG_POWER_OFF
/* A small number of AML at `*at`, which moves behind it; anything else is 0. */
static uint32_t aml_number(const uint8_t **at) {
    const uint8_t *const byte = *at;
    switch (*byte) {
    case AML_BYTE:
    case AML_WORD:
    case AML_DWORD:
        *at += *byte == AML_BYTE ? 2 : *byte == AML_WORD ? 3 : 5;
        return byte[1] & 7;
    default:
        *at += 1;
        return *byte == AML_ONE;
    }
}

/* Finds \_S5 = Package { type for register A, type for B, … } in the DSDT, without interpreting the rest. */
static bool find_sleep_types(uint32_t types[2]) {
    const uint64_t wide = field(FADT_X_DSDT, 8);
    const struct acpi_table *const dsdt = acpi_table_at(wide ? wide : field(FADT_DSDT, 4));
    if (!dsdt)
        return false;
    const uint8_t *const bytes = (const uint8_t *)dsdt;
    for (uint32_t at = sizeof *dsdt; at + 24 <= dsdt->length; at++) {
        if (memcmp(bytes + at, "_S5_", 4) || bytes[at + 4] != AML_PACKAGE)
            continue;
        const uint8_t *next = bytes + at + 5;
        next += 1 + (*next >> 6) + 1; /* the package's length in bytes, and how many elements it has */
        types[0] = aml_number(&next);
        types[1] = aml_number(&next);
        return true;
    }
    return false;
}

/* The I/O port of a control register; 0: there is none. */
static uint16_t control_port(uint32_t wide, uint32_t narrow) {
    const uint64_t address = field(wide, 1) == SPACE_IO ? field(wide + 4, 8) : 0;
    return (uint16_t)(address ? address : field(narrow, 4));
}

static void sleep_at(uint16_t port, uint32_t type) {
    if (port)
        outw(port, (uint16_t)((inw(port) & ~CONTROL_TYPE) | type << CONTROL_TYPE_SHIFT | CONTROL_SLEEP));
}

static void end_by_acpi(void) {
    uint32_t types[2];
    fadt = acpi_find("FACP");
    if (!fadt || !find_sleep_types(types))
        return;
    if (field(FADT_FLAGS, 4) & FLAG_HARDWARE_REDUCED) {
        write_generic(FADT_SLEEP_CONTROL, (uint8_t)(types[0] << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
        return;
    }
    const uint16_t a = control_port(FADT_X_CONTROL_A, FADT_CONTROL_A);
    const uint16_t smi = (uint16_t)field(FADT_SMI_COMMAND, 4);
    if (!a)
        return;
    if (!(inw(a) & CONTROL_ENABLED) && smi) {
        outb(smi, (uint8_t)field(FADT_ACPI_ENABLE, 1));
        for (unsigned left = DELAYS; left && !(inw(a) & CONTROL_ENABLED); left--)
            (void)inb(DELAY_PORT);
    }
    sleep_at(a, types[0]);
    sleep_at(control_port(FADT_X_CONTROL_B, FADT_CONTROL_B), types[1]);
    wait();
}
#else
static void end_by_acpi(void) {
    fadt = acpi_find("FACP");
    if (field(FADT_FLAGS, 4) & FLAG_RESET_REGISTER)
        write_generic(FADT_RESET, (uint8_t)field(FADT_RESET_VALUE, 1));
}
#endif

/* The keyboard controller's reset line, then three faults in one: what no PC survives. */
static _Noreturn void end_by_reset(void) {
    static const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } nothing;
    for (unsigned left = DELAYS; left && inb(KEYBOARD_COMMAND) & KEYBOARD_BUSY; left--)
        (void)inb(DELAY_PORT);
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    wait();
    __asm__ volatile("lidt %0; int3" : : "m"(nothing));
    __builtin_unreachable();
}

/* A machine monitor without ACPI (microvm, Firecracker) takes a reset for the end. */
void power_end(void) {
    end_by_acpi();
#ifdef CONFIG_POWER_OFF
    if (boot.source != BOOT_SOURCE_PVH || fadt)
        return;
#endif
    end_by_reset();
}
#endif
