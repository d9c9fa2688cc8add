/* SPDX-License-Identifier: MIT */
/* The serial console that firmware names in ACPI's SPCR table takes the place of COM1's usual port. Sources:
 * ACPI 6.5, 5.2; Microsoft, Serial Port Console Redirection Table. */
#ifdef CONFIG_ACPI
#include "kernel.h"

#define IO_SPACE 1
#define LARGEST_TABLE 0x100000

struct root_pointer {
    char signature[8];
    uint8_t checksum, oem[6], revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt; /* from revision 2 on */
};

struct table {
    char signature[4];
    uint32_t length;
    uint8_t rest[28];
};

struct console_table {
    struct table head;
    uint8_t interface, reserved[3];
    uint8_t space, width, offset, access; /* a generic address */
    uint32_t address[2];
};

/* A table in the low 4 GiB, which are mapped, whose bytes add up to 0; else null. */
static const struct table *table_at(uint64_t physical) {
    const struct table *const table = direct(physical);
    uint8_t sum = 0;
    if (!physical || physical > UINT32_MAX - LARGEST_TABLE || table->length < sizeof *table ||
        table->length > LARGEST_TABLE)
        return NULL;
    for (uint32_t i = 0; i < table->length; i++)
        sum += ((const uint8_t *)table)[i];
    return sum ? NULL : table;
}

/* The table with this signature, of those that the root table lists. */
static const struct table *find(const char *signature) {
    const struct root_pointer *const pointer = direct(boot.rsdp);
    if (!boot.rsdp || boot.rsdp > UINT32_MAX - LARGEST_TABLE || memcmp(pointer->signature, "RSD PTR ", 8))
        return NULL;
    const bool wide = pointer->revision >= 2 && pointer->xsdt;
    const struct table *const root = table_at(wide ? pointer->xsdt : pointer->rsdt);
    const unsigned step = wide ? 8 : 4;
    for (uint32_t at = sizeof *root; root && at + step <= root->length; at += step) {
        uint64_t physical = 0;
        memcpy(&physical, (const uint8_t *)root + at, step);
        const struct table *const found = table_at(physical);
        if (found && !memcmp(found->signature, signature, 4))
            return found;
    }
    return NULL;
}

/* If it is what we take for COM2, the two change places. */
void acpi_serial(void) {
    const struct console_table *const found = (const struct console_table *)find("SPCR");
    if (!found || found->head.length < sizeof *found || found->interface > 1 || found->space != IO_SPACE)
        return;
    const uint16_t port = (uint16_t)found->address[0];
    if (!port || found->address[0] > UINT16_MAX)
        return;
    if (port == boot.com2)
        boot.com2 = boot.com1;
    boot.com1 = port;
}
#endif
