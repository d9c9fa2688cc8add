/* SPDX-License-Identifier: MIT */
/* ACPI's tables; and the serial port that SPCR, or else DBG2, names, in the place of COM1's usual one.
 * Sources: ACPI 6.5, 5.2; Microsoft, Serial Port Console Redirection Table and Debug Port Table 2. What
 * nothing uses of this the linker leaves out. */
#include "kernel.h"

#define IO_SPACE 1
#define LARGEST_TABLE 0x100000
#define BIOS_AREA 0xe0000
#define BIOS_AREA_END 0x100000
#define EXTENDED_DATA 0x40e /* the segment of the BIOS's extended data area */

struct root_pointer {
    char signature[8];
    uint8_t checksum, oem[6], revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt; /* from revision 2 on */
};

#ifdef CONFIG_ACPI
struct generic_address {
    uint8_t space, width, offset, access;
    uint32_t address[2];
};

struct console_table {
    struct acpi_table head;
    uint8_t interface, reserved[3];
    struct generic_address port;
};

struct debug_table {
    struct acpi_table head;
    uint32_t devices_offset, device_count;
};

struct debug_device {
    uint8_t revision, length[2], register_count, names[8];
    uint16_t type, subtype, reserved, registers_offset;
};

enum { DEBUG_SERIAL = 0x8000, DEBUG_16550 = 0, DEBUG_16550_SUBSET = 1, DEBUG_16550_ANYWHERE = 0x12 };
#endif

static uint8_t sum_of(const void *bytes, uint32_t count) {
    uint8_t sum = 0;
    while (count--)
        sum += ((const uint8_t *)bytes)[count];
    return sum;
}

const struct acpi_table *acpi_table_at(uint64_t physical) {
    const struct acpi_table *const table = direct(physical);
    if (!physical || physical > UINT32_MAX - LARGEST_TABLE || table->length < sizeof *table ||
        table->length > LARGEST_TABLE || sum_of(table, table->length))
        return NULL;
    return table;
}

static const struct root_pointer *root_at(uint64_t physical) {
    const struct root_pointer *const pointer = direct(physical);
    return memcmp(pointer->signature, "RSD PTR ", 8) || sum_of(pointer, 20) ? NULL : pointer;
}

/* Where the way in says, or where a BIOS leaves it (5.2.5.1). */
static const struct root_pointer *find_root(void) {
    if (boot.rsdp)
        return boot.rsdp > UINT32_MAX - LARGEST_TABLE ? NULL : root_at(boot.rsdp);
    if (boot.source == BOOT_SOURCE_UEFI)
        return NULL;
    const struct root_pointer *found = NULL;
    const uint64_t data = *(uint16_t *)direct(EXTENDED_DATA) * 16ull;
    for (uint64_t at = data; data && !found && at < data + 1024; at += 16)
        found = root_at(at);
    for (uint64_t at = BIOS_AREA; !found && at < BIOS_AREA_END; at += 16)
        found = root_at(at);
    return found;
}

const struct acpi_table *acpi_find(const char *signature) {
    const struct root_pointer *const pointer = find_root();
    if (!pointer)
        return NULL;
    const bool wide = pointer->revision >= 2 && pointer->xsdt;
    const struct acpi_table *const root = acpi_table_at(wide ? pointer->xsdt : pointer->rsdt);
    const unsigned step = wide ? 8 : 4;
    for (uint32_t at = sizeof *root; root && at + step <= root->length; at += step) {
        uint64_t physical = 0;
        memcpy(&physical, (const uint8_t *)root + at, step);
        const struct acpi_table *const found = acpi_table_at(physical);
        if (found && !memcmp(found->signature, signature, 4))
            return found;
    }
    return NULL;
}

#ifdef CONFIG_ACPI
static uint16_t port_of(const struct generic_address *where) {
    return where->space == IO_SPACE && where->address[0] <= UINT16_MAX && !where->address[1]
               ? (uint16_t)where->address[0]
               : 0;
}

/* The I/O port of the console that SPCR names; 0: none, or no UART of ours. */
static uint16_t console_port(void) {
    const struct console_table *const found = (const struct console_table *)acpi_find("SPCR");
    if (!found || found->head.length < sizeof *found || found->interface > 1)
        return 0;
    return port_of(&found->port);
}

/* The I/O port of the first UART that DBG2 lists, likewise. */
static uint16_t debug_port(void) {
    const struct debug_table *const found = (const struct debug_table *)acpi_find("DBG2");
    if (!found || found->head.length < sizeof *found)
        return 0;
    uint64_t at = found->devices_offset;
    for (uint32_t left = found->device_count; left; left--) {
        const struct debug_device *const device = (const void *)((const uint8_t *)found + at);
        if (at + sizeof *device > found->head.length)
            break;
        const uint64_t registers = at + device->registers_offset;
        const bool ours = device->type == DEBUG_SERIAL &&
                          (device->subtype <= DEBUG_16550_SUBSET || device->subtype == DEBUG_16550_ANYWHERE);
        if (ours && device->register_count &&
            registers + sizeof(struct generic_address) <= found->head.length) {
            const uint16_t port = port_of((const void *)((const uint8_t *)found + registers));
            if (port)
                return port;
        }
        const uint32_t length = device->length[0] | (uint32_t)device->length[1] << 8;
        if (length < sizeof *device)
            break;
        at += length;
    }
    return 0;
}

/* A BIOS's data area names the ports itself. If ACPI's is what we take for COM2, the two change places. */
void acpi_serial(void) {
    if (boot.source == BOOT_SOURCE_BIOS && boot.com1)
        return;
    uint16_t port = console_port();
    if (!port)
        port = debug_port();
    if (!port)
        return;
    if (port == boot.com2)
        boot.com2 = boot.com1;
    boot.com1 = port;
}
#endif
