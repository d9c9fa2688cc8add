/* SPDX-License-Identifier: MIT */
/* What we need of UEFI, under its own names where it has some. Source: UEFI specification 2.10; the numbers
 * are its sections. */
#ifndef LOADER_UEFI_H
#define LOADER_UEFI_H

#include <stdint.h>

typedef uint64_t efi_status; /* 0: success; highest bit: an error (appendix D) */
typedef void *efi_handle;
typedef struct {
    uint64_t low, high;
} efi_guid;

/* 4.2: every table begins with 24 bytes that we have no use for. */
struct efi_table_header {
    uint64_t signature, sizes, checksum;
};

/* 12.4 */
struct efi_text_output {
    efi_status (*reset)(struct efi_text_output *, uint8_t extended);
    efi_status (*output_string)(struct efi_text_output *, const uint16_t *text);
};

/* 7.2 */
enum efi_allocate_type { EFI_ALLOCATE_ANY, EFI_ALLOCATE_MAX_ADDRESS };
enum efi_memory_type {
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA,
    EFI_BOOT_SERVICES_CODE,
    EFI_BOOT_SERVICES_DATA,
    EFI_CONVENTIONAL = 7,
    EFI_ACPI_RECLAIM = 9,
    EFI_ACPI_NVS = 10,
};

struct efi_memory_descriptor {
    uint32_t type, padding;
    uint64_t physical, virtual, pages, attribute;
};

/* 4.4: in the order of the specification; what we do not call is a gap. */
struct efi_boot_services {
    struct efi_table_header header;
    void *priority_levels[2];
    efi_status (*allocate_pages)(uint32_t allocate, uint32_t memory, uint64_t pages, uint64_t *address);
    void *free_pages;
    efi_status (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *descriptor_size,
                                 uint32_t *version);
    void *pools[2], *events[6], *protocols[3];
    efi_status (*handle_protocol)(efi_handle, const efi_guid *, void **interface);
    void *handles[4], *configuration, *images[4];
    efi_status (*exit_boot_services)(efi_handle image, uint64_t key);
    void *times[2];
    efi_status (*set_watchdog_timer)(uint64_t seconds, uint64_t code, uint64_t size, const uint16_t *data);
    void *controllers[2], *information[3], *locating[2];
    efi_status (*locate_protocol)(const efi_guid *, void *registration, void **interface);
};

/* 4.6 */
struct efi_configuration {
    efi_guid guid;
    uint64_t table;
};

/* 4.3 */
struct efi_system_table {
    struct efi_table_header header;
    void *vendor[3], *input;
    efi_handle output_handle;
    struct efi_text_output *output;
    void *error[2], *runtime;
    struct efi_boot_services *boot;
    uint64_t configuration_count;
    struct efi_configuration *configuration;
};

/* 9.1 */
struct efi_loaded_image {
    uint64_t revision;
    void *parent;
    struct efi_system_table *table;
    efi_handle device;
};

/* 13.9 */
struct efi_block_media {
    uint32_t id;
    uint8_t removable, present, logical, read_only, caching, padding[3];
    uint32_t block_size, alignment;
    uint64_t last_block;
};

struct efi_block_io {
    uint64_t revision;
    const struct efi_block_media *media;
    void *reset;
    efi_status (*read_blocks)(struct efi_block_io *, uint32_t media, uint64_t lba, uint64_t size,
                              void *buffer);
};

/* 12.9.2 */
enum efi_pixel_format { EFI_RED_LOWEST, EFI_BLUE_LOWEST, EFI_BIT_MASKS };

struct efi_graphics_mode {
    uint32_t max_mode, mode;
    struct {
        uint32_t version, width, height, format, masks[4], pixels_per_line;
    } *info;
    uint64_t info_size, framebuffer, framebuffer_size;
};

struct efi_graphics_output {
    void *query, *set, *transfer;
    struct efi_graphics_mode *mode;
};

#define EFI_LOADED_IMAGE ((efi_guid){0x11d295625b1b31a1, 0x3b7269c9a0003f8e})
#define EFI_BLOCK_IO ((efi_guid){0x11d26459964e5b21, 0x3b7269c9a000398e})
#define EFI_GRAPHICS_OUTPUT ((efi_guid){0x4a3823dc9042a9de, 0x6a5180d0de7afb96})
#define EFI_ACPI_20 ((efi_guid){0x11d3e4f18868e871, 0x81883cc7800022bc})

#endif
