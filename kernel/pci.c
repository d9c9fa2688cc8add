/* SPDX-License-Identifier: MIT */
/* Finds a device on PCI by what it is. Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 and 6.1. */
#if defined(CONFIG_VIRTIO) || defined(CONFIG_GROW)
#include "kernel.h"
#include "x86.h"

#define PCI_SELECT 0xcf8
#define PCI_DATA 0xcfc
#define PCI_COMMAND 0x04
#define PCI_BAR0 0x10
#define PCI_IO_AND_MASTER 5u
#define PCI_SLOTS (8 * 32) /* the first eight buses */

static uint32_t pci_read(uint32_t slot, uint32_t where) {
    outl(PCI_SELECT, 1u << 31 | slot << 11 | where);
    return inl(PCI_DATA);
}

uint16_t pci_ports(uint32_t identity) {
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++) {
        if (pci_read(slot, 0) != identity)
            continue;
        const uint32_t command = pci_read(slot, PCI_COMMAND);
        outl(PCI_DATA, command | PCI_IO_AND_MASTER);
        return (uint16_t)(pci_read(slot, PCI_BAR0) & ~3u);
    }
    return 0;
}
#endif
