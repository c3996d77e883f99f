/* The container of our own files.
 *
 * SPDX-License-Identifier: MIT */
#include "format/container.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 4, FRONT = CONTAINER_MAGIC + LENGTH_BYTES };

static int checksum(idim *lib, const file_piece *pieces, int64_t n, uint8_t digest[HASH_BYTES])
{
    hasher *h;
    TRY(hash_begin(lib, &h));
    int status = 0;
    for (int64_t i = 0; status == 0 && i < n; i++)
        status = hash_add(lib, h, pieces[i].bytes, pieces[i].n);
    int ended = hash_end(lib, h, digest);
    return status != 0 ? status : ended;
}

static int write_parts(idim *lib, const char *path, const char *front, const char *header,
                       const file_piece *payload, int64_t n_pieces)
{
    file_piece *parts;
    uint8_t digest[HASH_BYTES];
    TRY(NEW(lib, file_piece, n_pieces + 3, "file parts", &parts));
    parts[0] = (file_piece){front, FRONT};
    parts[1] = (file_piece){header, (int64_t)strlen(header)};
    memcpy(parts + 2, payload, (size_t)n_pieces * sizeof *parts);
    int status = checksum(lib, parts, n_pieces + 2, digest);
    parts[n_pieces + 2] = (file_piece){digest, HASH_BYTES};
    if (status == 0)
        status = file_write_pieces(lib, path, parts, n_pieces + 3);
    memory_free(lib, parts);
    return status;
}

int container_write(idim *lib, const char *path, const char *magic, const json_t *header,
                    const file_piece *payload, int64_t n_pieces)
{
    char *text = json_dumps(header, JSON_SORT_KEYS | JSON_COMPACT);
    if (text == NULL)
        return fail_memory(lib, CONTAINER_MAX_HEADER, "file header");

    char front[FRONT];
    memcpy(front, magic, CONTAINER_MAGIC);
    for (int i = 0; i < LENGTH_BYTES; i++)
        front[CONTAINER_MAGIC + i] = (char)(strlen(text) >> (8 * i) & 255);
    int status = write_parts(lib, path, front, text, payload, n_pieces);
    free(text);
    return status;
}

static int check_front(idim *lib, const char *path, const char *magic, const char *bytes,
                       int64_t size, int64_t *header)
{
    if (size < FRONT + HASH_BYTES)
        return fail(lib, IDIM_EFORMAT, "%s: expected at least %d bytes, found %lld", path,
                    FRONT + HASH_BYTES, (long long)size);
    if (memcmp(bytes, magic, CONTAINER_MAGIC - 1) != 0)
        return fail(lib, IDIM_EFORMAT,
                    "%s: offset 0: expected '%.8s', found something else: not a file of this kind",
                    path, magic);
    if (bytes[CONTAINER_MAGIC - 1] != magic[CONTAINER_MAGIC - 1])
        return fail(lib, IDIM_EUNSUPPORTED,
                    "%s: format version: expected '%c', found '%c': a newer idim may read it", path,
                    magic[CONTAINER_MAGIC - 1], bytes[CONTAINER_MAGIC - 1]);

    *header = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        *header = *header << 8 | (uint8_t)bytes[CONTAINER_MAGIC + i];
    if (*header > CONTAINER_MAX_HEADER || *header > size - FRONT - HASH_BYTES)
        return fail(lib, IDIM_EFORMAT,
                    "%s: header length: expected at most %lld, found %lld: an incomplete copy?",
                    path, (long long)(size - FRONT - HASH_BYTES), (long long)*header);
    return 0;
}

static int parse(idim *lib, const char *path, const char *magic, int64_t size, container *out)
{
    int64_t header = 0;
    TRY(check_front(lib, path, magic, out->bytes, size, &header));

    uint8_t digest[HASH_BYTES];
    hash_bytes(out->bytes, size - HASH_BYTES, digest);
    if (memcmp(digest, out->bytes + size - HASH_BYTES, HASH_BYTES) != 0)
        return fail(lib, IDIM_EFORMAT, "%s: checksum: the contents are not those that were written",
                    path);

    json_error_t error;
    out->header = json_loadb(out->bytes + FRONT, (size_t)header, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(out->header))
        return fail(lib, IDIM_EFORMAT, "%s: header: expected a JSON object: %s", path, error.text);
    out->payload = out->bytes + FRONT + header;
    out->size = size - FRONT - header - HASH_BYTES;
    return 0;
}

int container_read(idim *lib, const char *path, const char *magic, int64_t limit, container *out)
{
    *out = (container){0};
    int64_t size;
    TRY(file_read(lib, path, limit, &out->bytes, &size));
    int status = parse(lib, path, magic, size, out);
    if (status != 0)
        container_free(lib, out);
    return status;
}

void container_free(idim *lib, container *c)
{
    json_decref(c->header);
    memory_free(lib, c->bytes);
    *c = (container){0};
}
