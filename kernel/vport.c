/* SPDX-License-Identifier: MIT */
/* A virtio-serial port as the file /dev/vport0p1, which never waits: the wire of a program that grows, where
 * the machine offers one. COM2 brings sixteen bytes at a time, this thousands. Nothing interrupts: the agent
 * looks at every tick. Sources: Virtual I/O Device (VIRTIO) 1.1, 2.6, 4.1.4.8 and 5.3; its control messages
 * are not listened to, the device does without. */
#ifdef CONFIG_GROW
#include "grow.h"
#include "x86.h"

#define TRANSITIONAL_CONSOLE 0x10031af4u
#define MULTIPORT 2u /* VIRTIO_CONSOLE_F_MULTIPORT */
#define PORT 1u      /* the first that is no console */
#define BUFFERS 8u
#define BUFFER_SIZE 2048u
#define LARGEST_QUEUE 128u /* so that the used ring begins on the second page */

enum {
    GUEST_FEATURES = 4,
    QUEUE_PAGE = 8,
    QUEUE_SIZE = 12,
    QUEUE_SELECT = 14,
    QUEUE_NOTIFY = 16,
    STATUS = 18
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4 };
enum { DEVICE_WRITES = 2, NO_INTERRUPT = 1 };
enum { CONTROL_OUT = 3, PORT_IN = 4, PORT_OUT = 5 };
enum { DEVICE_READY = 0, PORT_READY = 3, PORT_OPEN = 6 };

struct control {
    uint32_t port;
    uint16_t event, value;
};

/* As the device sees it: descriptors and the available ring behind them, then the used ring. */
struct pages {
    uint8_t first[PAGE_SIZE], used[PAGE_SIZE];
};

struct queue {
    struct pages *pages;
    uint8_t (*buffers)[BUFFER_SIZE];
    uint16_t number, size, made, taken; /* made available, and of them taken back, modulo 65536 */
};

static struct pages pages[3] __attribute__((aligned(4096), section(".bss.pages")));
static uint8_t buffers[3][BUFFERS][BUFFER_SIZE] __attribute__((aligned(4096), section(".bss.pages")));
static struct queue control, incoming, outgoing;
static uint16_t ports;     /* the device's registers; 0: there is none */
static uint32_t read_from; /* of the oldest buffer that has come */

bool vport_named(const char *path) {
    static const char name[] = "/dev/vport0p1";
    return strlen(path) + 1 == sizeof name && !memcmp(path, name, sizeof name);
}

static volatile uint16_t *available(const struct queue *queue) {
    return (volatile uint16_t *)(queue->pages->first + 16u * queue->size); /* flags, index, ring */
}

/* Buffers that the device has done with and we have not taken back. */
static uint16_t finished(const struct queue *queue) {
    return (uint16_t)(((const volatile uint16_t *)queue->pages->used)[1] - queue->taken);
}

/* How many bytes the device put into the oldest of them. */
static uint32_t length_of(const struct queue *queue) {
    const volatile uint32_t *const ring = (const void *)(queue->pages->used + 4); /* buffer, length */
    const uint32_t length = ring[2u * (queue->taken % queue->size) + 1];
    return length < BUFFER_SIZE ? length : BUFFER_SIZE;
}

/* Gives the device the next buffer in turn. */
static void make_available(struct queue *queue, uint32_t length, uint16_t flags) {
    const uint16_t which = queue->made % BUFFERS;
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } *const table = (void *)queue->pages->first;
    table[which].address = space_physical((uint64_t)queue->buffers[which]);
    table[which].length = length;
    table[which].flags = flags;
    available(queue)[2 + queue->made % queue->size] = which;
    __asm__ volatile("" ::: "memory"); /* x86 keeps the order of writes; the compiler must too */
    available(queue)[1] = ++queue->made;
}

static void notify(const struct queue *queue) {
    __asm__ volatile("" ::: "memory");
    outw(ports + QUEUE_NOTIFY, queue->number);
}

static bool queue_init(struct queue *queue, unsigned index, uint16_t number) {
    *queue = (struct queue){.pages = &pages[index], .buffers = buffers[index], .number = number};
    outw(ports + QUEUE_SELECT, queue->number);
    queue->size = inw(ports + QUEUE_SIZE);
    if (queue->size < BUFFERS || queue->size > LARGEST_QUEUE)
        return false;
    available(queue)[0] = NO_INTERRUPT;
    outl(ports + QUEUE_PAGE, (uint32_t)(space_physical((uint64_t)queue->pages) / PAGE_SIZE));
    return true;
}

static void tell(uint32_t port, uint16_t event) {
    *(struct control *)control.buffers[control.made % BUFFERS] = (struct control){port, event, 1};
    make_available(&control, sizeof(struct control), 0);
    notify(&control);
}

/* False: this machine has no such port, or it is open already. */
bool vport_open(void) {
    if (ports || !(ports = pci_ports(TRANSITIONAL_CONSOLE)))
        return false;
    outb(ports + STATUS, 0);
    outb(ports + STATUS, ACKNOWLEDGE);
    outb(ports + STATUS, ACKNOWLEDGE | DRIVER);
    outl(ports + GUEST_FEATURES, MULTIPORT);
    if (!queue_init(&control, 0, CONTROL_OUT) || !queue_init(&incoming, 1, PORT_IN) ||
        !queue_init(&outgoing, 2, PORT_OUT))
        return false;
    outb(ports + STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
    for (unsigned i = 0; i < BUFFERS; i++)
        make_available(&incoming, BUFFER_SIZE, DEVICE_WRITES);
    notify(&incoming);
    tell(~0u, DEVICE_READY);
    tell(PORT, PORT_READY);
    tell(PORT, PORT_OPEN);
    return true;
}

int64_t vport_read(uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    bool given_back = false;
    while (done < count && finished(&incoming)) {
        const uint32_t length = length_of(&incoming);
        uint64_t piece = length - read_from;
        if (piece > count - done)
            piece = count - done;
        memcpy(bytes + done, incoming.buffers[incoming.taken % BUFFERS] + read_from, piece);
        done += piece;
        read_from += (uint32_t)piece;
        if (read_from < length)
            break;
        read_from = 0;
        incoming.taken++;
        make_available(&incoming, BUFFER_SIZE, DEVICE_WRITES);
        given_back = true;
    }
    if (given_back)
        notify(&incoming);
    return done || !count ? (int64_t)done : -EAGAIN;
}

int64_t vport_write(const uint8_t *bytes, uint64_t count) {
    uint64_t done = 0;
    outgoing.taken = (uint16_t)(outgoing.taken + finished(&outgoing));
    while (done < count && (uint16_t)(outgoing.made - outgoing.taken) < BUFFERS) {
        const uint64_t piece = count - done < BUFFER_SIZE ? count - done : BUFFER_SIZE;
        memcpy(outgoing.buffers[outgoing.made % BUFFERS], bytes + done, piece);
        make_available(&outgoing, (uint32_t)piece, 0);
        done += piece;
    }
    if (done)
        notify(&outgoing);
    return done || !count ? (int64_t)done : -EAGAIN;
}
#endif
