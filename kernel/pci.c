/* SPDX-License-Identifier: MIT */
/* Finds a device on PCI by what it is. Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 and 6.1. */
#if defined(CONFIG_VIRTIO) || defined(CONFIG_GROW) || defined(CONFIG_IDE)
#include "kernel.h"
#include "x86.h"

#define PCI_SELECT 0xcf8
#define PCI_DATA 0xcfc
#define PCI_COMMAND 0x04
#define PCI_IO_AND_MASTER 5u

uint32_t pci_read(uint32_t device, uint32_t where) {
    outl(PCI_SELECT, 1u << 31 | device << 8 | where);
    return inl(PCI_DATA);
}

void pci_enable(uint32_t device) {
    const uint32_t command = pci_read(device, PCI_COMMAND);
    outl(PCI_DATA,
         (command & 0xffff) | PCI_IO_AND_MASTER); /* the upper half forgets errors that are written */
}

uint16_t pci_ports(uint32_t identity) {
    for (uint32_t device = 0; device < PCI_FUNCTIONS; device += 8) {
        if (pci_read(device, 0) != identity)
            continue;
        pci_enable(device);
        return (uint16_t)(pci_read(device, PCI_BAR0) & ~3u);
    }
    return 0;
}
#endif
