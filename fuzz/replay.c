/* Runs a harness over files, without libFuzzer:
 *
 *     replay_x FOLDER|FILE ...             each file once; every run of the tests replays the
 * corpora replay_x --mutate FOLDER|FILE ...    changed at random for IDIM_FUZZ_SECONDS (600)
 *
 * The second keeps the input at hand in replay_x.last (its size in 8 bytes, then the bytes), which
 * is there when the harness has ended the process; without a crash it is removed.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 1 << 14, MOST_SEEDS = 4096, MOST_CHANGES = 6 };

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

typedef struct inputs {
    input seed[MOST_SEEDS];
    int n;
} inputs;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* exactly as long as the input, so that the sanitizer sees one byte too far */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        exit(1);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void read_file(const char *path, inputs *out)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET) != 0 || out->n == MOST_SEEDS) {
        fprintf(stderr, "replay: %s: cannot be read, or one file too many\n", path);
        exit(1);
    }
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        exit(1);
    fclose(f);
    out->seed[out->n++] = (input){data, (size_t)size};
}

static void read_inputs(const char *path, inputs *out)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        read_file(path, out);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char file[4096];
        struct stat info;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (stat(file, &info) == 0 && S_ISREG(info.st_mode))
            read_file(file, out);
    }
    closedir(folder);
}

/* ---- changes --------------------------------------------------------------------------------- */

typedef struct mutation {
    uint64_t state; /* xorshift* */
    uint8_t *data;  /* [LONGEST] */
    size_t size;
} mutation;

/* what replay_x.last holds: the size of the input, then the input */
typedef struct last {
    uint64_t size;
    uint8_t data[LONGEST];
} last;

static uint64_t draw(mutation *m, uint64_t below)
{
    m->state ^= m->state >> 12;
    m->state ^= m->state << 25;
    m->state ^= m->state >> 27;
    return (m->state * 2685821657736338717u >> 32) % (below > 0 ? below : 1);
}

/* bytes of the other input, or of this one, over or between its own */
static void splice(mutation *m, const uint8_t *from, size_t size, int between)
{
    size_t n = 1 + draw(m, size < 32 ? size : 32), at = draw(m, m->size + 1);
    uint8_t taken[64];
    if (size == 0)
        return;
    size_t begin = draw(m, size);
    n = n > size - begin ? size - begin : n;
    memcpy(taken, from + begin, n);
    if (between && m->size + n <= LONGEST) {
        memmove(m->data + at + n, m->data + at, m->size - at);
        m->size += n;
    }
    n = n > m->size - at ? m->size - at : n;
    memcpy(m->data + at, taken, n);
}

static void change(mutation *m, const input *other)
{
    static const uint8_t odd[] = {0, 1, 127, 128, 255, '"', '{', '[', '\n', '\\'};
    size_t at = draw(m, m->size);
    switch (draw(m, 8)) {
    case 0:
        if (m->size > 0)
            m->data[at] ^= (uint8_t)(1u << draw(m, 8));
        break;
    case 1:
        if (m->size > 0)
            m->data[at] = (uint8_t)draw(m, 256);
        break;
    case 2:
        if (m->size > 0)
            m->data[at] = odd[draw(m, sizeof odd)];
        break;
    case 3:
        if (m->size > 0)
            m->data[at] = (uint8_t)(m->data[at] + draw(m, 2) * 2 - 1);
        break;
    case 4: /* a piece less */
        if (m->size > 0) {
            size_t n = 1 + draw(m, m->size - at < 16 ? m->size - at : 16);
            n = n > m->size - at ? m->size - at : n;
            memmove(m->data + at, m->data + at + n, m->size - at - n);
            m->size -= n;
        }
        break;
    case 5: /* cut, rarely */
        m->size = draw(m, 8) == 0 ? at : m->size;
        break;
    case 6:
        splice(m, m->data, m->size, draw(m, 2) == 0);
        break;
    default:
        splice(m, other->data, other->size < LONGEST ? other->size : LONGEST, draw(m, 2) == 0);
        break;
    }
}

/* a file in memory, which is there after a crash */
static last *open_last(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || ftruncate(file, sizeof(last)) != 0)
        return NULL;
    void *map = mmap(NULL, sizeof(last), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return map == MAP_FAILED ? NULL : map;
}

static long mutate(const inputs *in, const char *program)
{
    char path[4096];
    const char *text = getenv("IDIM_FUZZ_SECONDS");
    time_t end = time(NULL) + (text != NULL ? atol(text) : 600);
    mutation m = {.state = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid() ^ 1};
    snprintf(path, sizeof path, "%s.last", program);
    last *kept = open_last(path);
    if (kept == NULL) {
        perror(path);
        exit(1);
    }
    m.data = kept->data;
    long n = 0;
    for (; time(NULL) < end; n++) {
        const input *seed = &in->seed[draw(&m, (uint64_t)in->n)];
        m.size = seed->size < LONGEST ? seed->size : LONGEST;
        memcpy(m.data, seed->data, m.size);
        for (uint64_t k = 1 + draw(&m, MOST_CHANGES); k > 0; k--)
            change(&m, &in->seed[draw(&m, (uint64_t)in->n)]);
        kept->size = m.size;
        run(m.data, m.size);
    }
    munmap(kept, sizeof *kept);
    remove(path);
    return n;
}

int main(int argc, char **argv)
{
    static inputs in;
    int mutates = argc > 1 && strcmp(argv[1], "--mutate") == 0;
    for (int i = 1 + mutates; i < argc; i++)
        read_inputs(argv[i], &in);
    for (int i = 0; i < in.n; i++)
        run(in.seed[i].data, in.seed[i].size);
    printf("%d inputs replayed\n", in.n);
    if (mutates && in.n > 0)
        printf("%ld changed inputs run\n", mutate(&in, argv[0]));
    for (int i = 0; i < in.n; i++)
        free(in.seed[i].data);
    return in.n > 0 ? 0 : 1;
}
