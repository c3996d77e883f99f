/* Claims by folders: see the header for the protocol.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/ledger.h"
#include "base/clock.h"

#include "base/file.h"
#include "base/folder.h"
#include "format/json.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_LIMIT = 256 << 20, CLAIM_LIMIT = 4096, MOST_TAKEN = 1000000000 };

static const double RENEW_SECONDS = 5;      /* between two touches                          */
static const double UNWRITTEN_SECONDS = 30; /* a folder without a claim file is just being made */
static const double ORPHAN_SECONDS = 3600;  /* nothing that a process writes takes so long      */

/* ---- who is who ------------------------------------------------------------------------------ */

/* a number that tells this process from a later one with its id: its start in clock ticks (Linux),
 * 0 where that cannot be read */
static unsigned long long start_of(long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';

    /* the name, in brackets, may hold anything; the start is the 20th field behind it */
    char *at = strrchr(text, ')');
    for (int field = 0; at != NULL && field < 20; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

/* "host" or "host/pid:[number]": processes can be asked for within one such space only */
static int name_host(idim *lib, char **out)
{
    struct utsname system;
    char space[64];
    if (uname(&system) < 0)
        system.nodename[0] = '\0';
    ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[n > 0 ? n : 0] = '\0';
    return memory_format(lib, out, "%s/%s", system.nodename, space);
}

static int name_owner(idim *lib, char **out)
{
    char *host;
    long pid = (long)getpid();
    TRY(name_host(lib, &host));
    int status = memory_format(lib, out, "%ld %llu %s", pid, start_of(pid), host);
    memory_free(lib, host);
    return status;
}

/* is the owner a process of this host that has ended? */
static bool is_dead(const ledger *l, const char *owner)
{
    long pid;
    unsigned long long start;
    int here = 0, there = 0;
    if (sscanf(owner, "%ld %llu %n", &pid, &start, &there) < 2 || there == 0 || pid <= 0)
        return false;
    sscanf(l->owner, "%*d %*u %n", &here);
    if (strcmp(owner + there, l->owner + here) != 0)
        return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return true;
    return start != 0 && start_of(pid) != start;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static int now_by_file_system(const ledger *l, double *now)
{
    TRY(file_write(l->lib, l->clock, l->owner, (int64_t)strlen(l->owner)));
    *now = file_changed(l->clock);
    return 0;
}

/* does it end in ".DIGITS.tmp", as what file_open_write writes to? Other people's .tmp are theirs.
 */
static bool is_half_written(const char *name)
{
    static const char end[] = ".tmp";
    size_t length = strlen(name);
    if (length < sizeof end || strcmp(name + length - (sizeof end - 1), end) != 0)
        return false;
    size_t digits = length - (sizeof end - 1), at = digits;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    return at < digits && at > 1 && name[at - 1] == '.';
}

/* is the file one that a process which is no more had in its hands? */
static bool is_orphan(const ledger *l, const char *name, const char *path, double now)
{
    bool clock = strncmp(name, ".clock-", 7) == 0 && !is_half_written(name);
    double changed = file_changed(path);
    if (changed < 0 || (!clock && !is_half_written(name)))
        return false;
    if (now - changed > ORPHAN_SECONDS)
        return true;
    char *owner;
    int64_t length;
    if (!clock || file_read(l->lib, path, CLAIM_LIMIT, &owner, &length) != 0) {
        library_clear(l->lib);
        return false;
    }
    bool dead = is_dead(l, owner);
    memory_free(l->lib, owner);
    return dead;
}

int ledger_tidy(const ledger *l, const char *folder)
{
    double now;
    folder_names names;
    TRY(now_by_file_system(l, &now));
    TRY(folder_list_hidden(l->lib, folder, &names));
    int status = 0;
    for (int64_t i = 0; i < names.n; i++) {
        char *path;
        status = file_join(l->lib, folder, names.name[i], &path);
        if (status != 0)
            break;
        if (is_orphan(l, names.name[i], path, now) && file_remove(l->lib, path) != 0)
            library_clear(l->lib); /* it is only tidying */
        memory_free(l->lib, path);
    }
    folder_names_free(l->lib, &names);
    return status;
}

int ledger_open(idim *lib, const char *folder, ledger *out)
{
    *out = (ledger){.lib = lib};
    int status = file_join(lib, folder, "runs", &out->runs);
    if (status == 0)
        status = file_join(lib, folder, "pending", &out->pending);
    if (status == 0)
        status = file_make_folder(lib, out->runs);
    if (status == 0)
        status = file_make_folder(lib, out->pending);
    if (status == 0)
        status = memory_format(lib, &out->clock, "%s/.clock-%ld", out->pending, (long)getpid());
    if (status == 0)
        status = name_owner(lib, &out->owner);
    if (status == 0)
        status = ledger_tidy(out, out->pending);
    if (status != 0)
        ledger_close(out);
    return status;
}

void ledger_close(ledger *l)
{
    if (l->lib == NULL)
        return;
    if (l->clock != NULL)
        unlink(l->clock);
    memory_free(l->lib, l->runs);
    memory_free(l->lib, l->pending);
    memory_free(l->lib, l->clock);
    memory_free(l->lib, l->owner);
    *l = (ledger){0};
}

static int record_path(const ledger *l, const char *name, char **out)
{
    return memory_format(l->lib, out, "%s/%.*s/record.json", l->runs, LEDGER_NAME, name);
}

bool ledger_has(const ledger *l, const char *name)
{
    char *path;
    if (record_path(l, name, &path) != 0)
        return false;
    bool has = file_exists(path);
    memory_free(l->lib, path);
    return has;
}

int ledger_read(const ledger *l, const char *name, json_t **out)
{
    char *path;
    *out = NULL;
    TRY(record_path(l, name, &path));
    int status = json_read_file(l->lib, path, RECORD_LIMIT, out);
    memory_free(l->lib, path);
    return status;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void claim_free(claim *c)
{
    memory_free(c->ledger->lib, c->folder);
    memory_free(c->ledger->lib, c->file);
    c->folder = c->file = NULL;
}

static int claim_paths(const ledger *l, const char *name, int64_t taken, claim *out)
{
    *out = (claim){.ledger = l};
    snprintf(out->name, sizeof out->name, "%.*s", LEDGER_NAME, name);
    TRY(memory_format(l->lib, &out->folder, "%s/%s.%lld", l->pending, out->name, (long long)taken));
    int status = file_join(l->lib, out->folder, "claim", &out->file);
    if (status != 0)
        claim_free(out);
    return status;
}

/* how often the run was taken, 0: never */
static int times_taken(const ledger *l, const char *name, int64_t *out)
{
    folder_names names;
    *out = 0;
    TRY(folder_list(l->lib, l->pending, &names));
    for (int64_t i = 0; i < names.n; i++) {
        const char *at = names.name[i];
        if (strncmp(at, name, LEDGER_NAME) != 0 || at[LEDGER_NAME] != '.')
            continue;
        int64_t taken = strtoll(at + LEDGER_NAME + 1, NULL, 10);
        *out = taken > *out && taken < MOST_TAKEN ? taken : *out;
    }
    folder_names_free(l->lib, &names);
    return 0;
}

static int is_stale(const ledger *l, const claim *old, bool *stale)
{
    double now, changed = file_changed(old->file);
    TRY(now_by_file_system(l, &now));
    if (changed < 0) {
        changed = file_changed(old->folder);
        *stale = changed >= 0 && now - changed > UNWRITTEN_SECONDS;
        return 0;
    }

    char *owner;
    int64_t length;
    *stale = now - changed > LEDGER_LEASE;
    if (*stale || file_read(l->lib, old->file, CLAIM_LIMIT, &owner, &length) != 0)
        return 0;
    *stale = length == 0 || is_dead(l, owner);
    memory_free(l->lib, owner);
    return 0;
}

/* removes what a killed writer left half written, and the claim too when the run is finished */
static int remove_leftovers(idim *lib, const char *folder, bool finished)
{
    folder_names names;
    TRY(folder_list(lib, folder, &names));
    int status = 0;
    for (int64_t i = 0; status == 0 && i < names.n; i++) {
        const char *name = names.name[i];
        size_t length = strlen(name);
        bool half = length > 4 && strcmp(name + length - 4, ".tmp") == 0;
        char *path;
        if (!half && !(finished && strcmp(name, "claim") == 0))
            continue;
        status = file_join(lib, folder, name, &path);
        if (status == 0)
            status = file_remove(lib, path);
        memory_free(lib, path);
    }
    folder_names_free(lib, &names);
    return status;
}

/* writes our name into a folder that is ours; not ours after all when it is gone */
static int sign(claim *c)
{
    const ledger *l = c->ledger;
    int status = file_write(l->lib, c->file, l->owner, (int64_t)strlen(l->owner));
    if (status == 0)
        return 0;
    if (!file_is_folder(c->folder)) {
        library_clear(l->lib);
        status = 0;
    }
    claim_free(c);
    return status;
}

static int claim_new(const ledger *l, const char *name, claim *out)
{
    bool made;
    TRY(claim_paths(l, name, 1, out));
    int status = folder_claim(l->lib, out->folder, &made);
    /* finished between our look and our claim */
    if (status == 0 && made && ledger_has(l, out->name)) {
        status = folder_remove(l->lib, out->folder);
        made = false;
    }
    if (status == 0 && made)
        return sign(out);
    claim_free(out);
    return status;
}

static int claim_old(const ledger *l, const char *name, int64_t taken, claim *out)
{
    claim old;
    bool stale = false, moved = false;
    TRY(claim_paths(l, name, taken, &old));
    int status = is_stale(l, &old, &stale);
    if (status == 0 && stale)
        status = claim_paths(l, name, taken + 1, out);
    if (status == 0 && stale)
        status = folder_move(l->lib, old.folder, out->folder, &moved);
    claim_free(&old);
    if (status == 0 && moved)
        status = sign(out);
    if (status == 0 && moved && out->folder != NULL)
        status = remove_leftovers(l->lib, out->folder, false);
    if (status != 0 || !moved)
        claim_free(out);
    return status;
}

int ledger_claim(const ledger *l, const char *name, claim *out)
{
    int64_t taken;
    *out = (claim){.ledger = l};
    if (ledger_has(l, name))
        return 0;
    TRY(times_taken(l, name, &taken));
    return taken == 0 ? claim_new(l, name, out) : claim_old(l, name, taken, out);
}

int ledger_held(const ledger *l, const char *name, bool *held)
{
    int64_t taken;
    claim old;
    bool stale;
    *held = false;
    if (ledger_has(l, name))
        return 0;
    TRY(times_taken(l, name, &taken));
    if (taken == 0)
        return 0;
    TRY(claim_paths(l, name, taken, &old));
    int status = is_stale(l, &old, &stale);
    *held = status == 0 && !stale;
    claim_free(&old);
    return status;
}

int ledger_renew(claim *c, bool *lost)
{
    *lost = false;
    double now = clock_seconds();
    if (now - c->renewed < RENEW_SECONDS)
        return 0;
    bool there;
    TRY(file_touch(c->ledger->lib, c->file, &there));
    *lost = !there;
    c->renewed = now;
    return 0;
}

/* the folder, not moved to runs/NAME: by another that was first, with the same answer, or by
 * something there without a record (half a copy, say), which ours replaces */
static int settle(const claim *c, const char *to)
{
    const ledger *l = c->ledger;
    bool moved;
    if (!file_is_folder(c->folder))
        return 0;
    if (ledger_has(l, c->name))
        return folder_remove(l->lib, c->folder);
    TRY(folder_remove(l->lib, to));
    TRY(folder_move(l->lib, c->folder, to, &moved));
    if (moved)
        return remove_leftovers(l->lib, to, true);
    return fail(l->lib, IDIM_EIO, "%s: a finished run cannot be moved there from %s", to,
                c->folder);
}

int ledger_publish(claim *c)
{
    const ledger *l = c->ledger;
    char *to;
    bool moved = false;
    int status = memory_format(l->lib, &to, "%s/%s", l->runs, c->name);
    if (status == 0)
        status = folder_move(l->lib, c->folder, to, &moved);
    if (status == 0)
        status = moved ? remove_leftovers(l->lib, to, true) : settle(c, to);
    memory_free(l->lib, to);
    claim_free(c);
    return status;
}

int ledger_release(claim *c)
{
    idim *lib = c->ledger->lib;
    bool had_failed = lib->error[0] != '\0';
    /* an empty claim is nobody's */
    int status = file_is_folder(c->folder) ? file_write(lib, c->file, "", 0) : 0;
    /* taken over between our look and our writing */
    if (status != 0 && !file_is_folder(c->folder)) {
        if (!had_failed)
            library_clear(lib);
        status = 0;
    }
    claim_free(c);
    return status;
}

/* ---- for people ------------------------------------------------------------------------------ */

/* nothing when the claim was given back, or goes away while we look */
static int add_worker(const ledger *l, const char *name, json_t *out)
{
    char *file, *owner = NULL;
    int64_t length = 0;
    TRY(memory_format(l->lib, &file, "%s/%s/claim", l->pending, name));
    double changed = file_changed(file);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    double silent = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec - changed;
    if (changed >= 0 && file_read(l->lib, file, CLAIM_LIMIT, &owner, &length) != 0)
        library_clear(l->lib);
    memory_free(l->lib, file);
    if (length > 0) {
        long pid = 0;
        int host = 0;
        sscanf(owner, "%ld %*u %n", &pid, &host);
        bool alive = silent <= LEDGER_LEASE && !is_dead(l, owner);
        json_array_append_new(out, json_pack("{s:s, s:I, s:s%, s:f, s:b}", "run", name, "process",
                                             (json_int_t)pid, "host", owner + host,
                                             strcspn(owner + host, "/"), "seconds_silent",
                                             silent > 0 ? silent : 0, "alive", alive));
    }
    memory_free(l->lib, owner);
    return 0;
}

static int add_workers(ledger *l, json_t *out)
{
    folder_names names;
    TRY(name_owner(l->lib, &l->owner));
    TRY(folder_list(l->lib, l->pending, &names));
    int status = 0;
    for (int64_t i = 0; status == 0 && i < names.n; i++)
        status = add_worker(l, names.name[i], out);
    folder_names_free(l->lib, &names);
    return status;
}

int ledger_workers(idim *lib, const char *folder, json_t **out)
{
    ledger l = {.lib = lib};
    *out = json_array();
    int status = file_join(lib, folder, "pending", &l.pending);
    if (status == 0)
        status = add_workers(&l, *out);
    ledger_close(&l);
    if (status != 0) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}
