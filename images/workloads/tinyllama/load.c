/* SPDX-License-Identifier: MIT */
/* Reads the head, has it understood, then reads tensor after tensor and packs each group of rows while it is
 * still in the cache. What follows the head is read to a place a little behind its own, so that a group can
 * be packed into the place of its rows without a copy; Q6_K, which grows, has memory of its own. */

#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "half.h"
#include "pack.h"
#include "tensors.h"
#include "variants.h"

SMALL_BEGIN

#define PIECE ((size_t)256 << 10)   /* read at once: it is packed while still in the cache */
#define LARGE ((uint64_t)96 << 20)  /* bytes of a file that caches do not hold */
#define MEASURED ((size_t)48 << 20) /* bytes of a large file on which variants are measured */
#define MAX_LATE ((size_t)4 << 20)
#define SLACK 4096 /* so that prefetching stays within the mapping */

struct reader {
    const char *path;
    int fd;
    uint64_t size, have; /* bytes of the file; bytes read so far */
    uint8_t *bytes;      /* where the file's first byte stays */
    size_t late;         /* how far behind its place it is read: a group of rows, once the head is known */
};

static bool open_file(struct reader *r, const char *path, struct message *why) {
    struct arena arena;
    *r = (struct reader){.path = path, .fd = open(path, O_RDONLY)};
    if (r->fd < 0)
        return refuse(why, "The model file %s cannot be opened.", path);
    const off_t size = lseek(r->fd, 0, SEEK_END);
    if (size < 0 || lseek(r->fd, 0, SEEK_SET) < 0)
        return refuse(why, "The size of the model file %s cannot be found.", path);
    r->size = (uint64_t)size;
    const uint64_t most = r->size < MAX_LATE ? r->size : MAX_LATE;
    if (!arena_make(&arena, r->size + 2 * ALIGNMENT + most + SLACK, "the model's weights", why))
        return false;
    r->bytes = arena_take(&arena, r->size);
    return true;
}

/* Reads on, in large pieces, until the first `end` bytes are there. */
static bool read_up_to(struct reader *r, uint64_t end, struct message *why) {
    while (r->have < end) {
        const uint64_t left = r->size - r->have;
        const ssize_t got = read(r->fd, r->bytes + r->late + r->have, left < PIECE ? left : PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return refuse(why, "The model file %s cannot be read beyond its first %u bytes.", r->path,
                          r->have);
        r->have += (uint64_t)got;
    }
    return true;
}

/* To a higher place, from the end, so that both may overlap; memmove would be half a kilobyte more. */
static void move(uint8_t *to, const uint8_t *from, size_t bytes) {
    uint8_t part[ALIGNMENT];
    for (; bytes >= sizeof part; bytes -= sizeof part) {
        memcpy(part, from + bytes - sizeof part, sizeof part);
        memcpy(to + bytes - sizeof part, part, sizeof part);
    }
    while (bytes--)
        *(volatile uint8_t *)(to + bytes) = from[bytes];
}

/* Moves what has been read, so that the tensors' data begins on a line. */
static void move_up(struct reader *r, size_t bytes) {
    move(r->bytes + bytes, r->bytes, r->have);
    r->bytes += bytes;
}

static bool read_head(struct reader *r, struct gguf *file, struct message *why) {
    for (uint64_t wanted = PIECE / 4;; wanted *= 2) {
        if (!read_up_to(r, wanted < r->size ? wanted : r->size, why))
            return false;
        const enum gguf_result result = gguf_open(file, r->bytes, r->have, r->size, why);
        if (result == GGUF_OK && (uintptr_t)(r->bytes + file->head) % ALIGNMENT)
            move_up(r, ALIGNMENT - file->head % ALIGNMENT); /* and read on: what points into it has moved */
        else if (result != GGUF_MORE)
            return result == GGUF_OK;
    }
}

/* Decides how far behind their places tensors are read, and moves what is there already. */
static bool read_late(struct reader *r, const struct gguf *file, const struct plan *plan, unsigned lanes,
                      struct message *why) {
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct matrix *m = plan->slots[i].matrix;
        const size_t bytes = m ? lines(pack_row_bytes(m->type, m->columns) * lanes) : 0;
        if (bytes > MAX_LATE)
            return refuse(why, "The tensor %q has rows that are too long.", plan->slots[i].tensor.name.bytes,
                          plan->slots[i].tensor.name.length);
        r->late = bytes > r->late && m->rows >= lanes ? bytes : r->late;
    }
    move(r->bytes + r->late + file->head, r->bytes + file->head, r->have - file->head);
    return true;
}

static bool take_vector(struct reader *r, const struct slot *slot, struct message *why) {
    uint8_t *bytes = r->bytes + slot->tensor.offset;
    if (!read_up_to(r, slot->tensor.offset + slot->tensor.bytes, why))
        return false;
    for (uint64_t i = 0; i < slot->tensor.columns; i++) {
        uint32_t bits;
        memcpy(&bits, bytes + r->late + 4 * i, 4);
        memcpy(bytes + 4 * i, &bits, 4);
        if (!FLOAT_IS_FINITE(bits))
            return refuse(why, "The tensor %q holds a value that is not a number.", slot->tensor.name.bytes,
                          slot->tensor.name.length);
    }
    *slot->vector = (const float *)bytes;
    return true;
}

static bool pack_matrix(struct reader *r, const struct slot *slot, const struct kernels *kernels,
                        struct message *why) {
    struct matrix *m = slot->matrix;
    const unsigned lanes = kernels->lanes;
    const size_t row_bytes = pack_row_bytes(m->type, m->columns);
    const uint64_t offset = slot->tensor.offset;
    for (uint32_t row = 0, group = 0; row < m->rows; row += lanes, group++) {
        const uint32_t rows = m->rows - row < lanes ? m->rows - row : lanes;
        const uint8_t *from = r->bytes + r->late + offset + row * row_bytes;
        uint8_t *to = group < m->whole_groups ? m->groups + group * m->group_bytes : m->rest;
        if (!read_up_to(r, offset + (row + rows) * row_bytes, why))
            return false;
        if (!pack_group(kernels, m->type, m->columns, from, rows, to))
            return refuse(why, "The tensor %q holds a value that is not a number.", slot->tensor.name.bytes,
                          slot->tensor.name.length);
    }
    return true;
}

/* Where each matrix will lie: its own place in the file, or memory of its own. */
static bool place(const struct reader *r, const struct plan *plan, unsigned lanes, struct message *why) {
    size_t extra = 0;
    struct arena arena;
    for (int fill = 0; fill < 2; fill++) {
        if (fill && !arena_make(&arena, extra + SLACK, "the model's packed weights", why))
            return false;
        for (uint32_t i = 0; i < plan->count; i++) {
            const struct slot *slot = &plan->slots[i];
            struct matrix *m = slot->matrix;
            if (!m)
                continue;
            const size_t rows_bytes = pack_row_bytes(m->type, m->columns) * lanes;
            m->group_bytes = pack_group_bytes(m->type, m->columns, lanes);
            m->whole_groups = m->rows / lanes;
            const size_t moved = m->group_bytes == rows_bytes ? 0 : m->whole_groups * m->group_bytes;
            const size_t rest = m->rows % lanes ? m->group_bytes : 0;
            extra += lines(moved) + lines(rest);
            if (fill) {
                m->groups = moved ? arena_take(&arena, moved) : r->bytes + slot->tensor.offset;
                m->rest = rest ? arena_take(&arena, rest) : NULL;
            }
        }
    }
    return true;
}

static bool has_chat_template(const struct gguf *file) {
    static const char marker[] = "<|user|>";
    struct gguf_text text = {"", 0};
    struct message ignored = {.length = 0};
    gguf_get_text(file, "tokenizer.chat_template", &text, &ignored);
    for (size_t at = 0; at + sizeof marker - 1 <= text.length; at++)
        if (!memcmp(text.bytes + at, marker, sizeof marker - 1))
            return true;
    return false;
}

static bool load_from(struct reader *r, const char *variant, struct model *model, struct tokenizer *tokenizer,
                      struct message *why) {
    struct gguf file;
    struct plan plan;
    if (!read_head(r, &file, why) || !model_shape(&model->shape, &file, why) ||
        !tokenizer_open(tokenizer, &file, why))
        return false;
    model->shape.vocabulary = tokenizer->count;
    model->for_chat = has_chat_template(&file);
    if (!plan_tensors(&plan, model, &file, why))
        return false;
    const bool stream = r->size >= LARGE && choice_is_open(variant);
    const struct weights weights = {r->bytes + file.head, stream ? MEASURED : 0};
    if (!read_up_to(r, file.head + weights.bytes, why) || !choose(variant, model, &weights, why))
        return false;
    const struct kernels *kernels = KERNELS_OF(&model->choice);
    if (!place(r, &plan, kernels->lanes, why) || !read_late(r, &file, &plan, kernels->lanes, why))
        return false;
    for (uint32_t i = 0; i < plan.count; i++) {
        const struct slot *slot = &plan.slots[i];
        if (slot->matrix ? !pack_matrix(r, slot, kernels, why) : !take_vector(r, slot, why))
            return false;
    }
    if (!model->head.rows)
        model->head = model->embedding;
    return true;
}

bool load(const char *path, const char *variant, struct model *model, struct tokenizer *tokenizer,
          uint64_t *bytes, struct message *why) {
    struct reader reader;
    *model = (struct model){.layers = NULL};
    const bool done = open_file(&reader, path, why) && load_from(&reader, variant, model, tokenizer, why);
    if (reader.fd >= 0)
        close(reader.fd);
    *bytes = reader.size;
    return done;
}

SMALL_END
