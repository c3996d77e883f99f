/* Files through POSIX calls; every return is checked and interrupted calls go on.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_system(idim *lib, const char *path, const char *what)
{
    return fail(lib, IDIM_EIO, "%s: %s: %s", path, what, strerror(errno));
}

int file_open(idim *lib, const char *path, file_reader *out)
{
    *out = (file_reader){-1, 0, path};
    /* a pipe without a writer would wait for one */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return fail_system(lib, path, "cannot be opened");

    struct stat info;
    int status = 0;
    if (fstat(descriptor, &info) != 0)
        status = fail_system(lib, path, "cannot be examined");
    else if (!S_ISREG(info.st_mode))
        status = fail(lib, IDIM_EIO, "%s: expected a regular file, found %s", path,
                      S_ISDIR(info.st_mode)    ? "a folder"
                      : S_ISFIFO(info.st_mode) ? "a pipe: write it to a file first"
                                               : "a device");
    if (status != 0) {
        close(descriptor);
        return status;
    }
    out->descriptor = descriptor;
    out->size = info.st_size;
    return 0;
}

int file_read_at(idim *lib, const file_reader *f, int64_t offset, void *out, int64_t n)
{
    char *to = out;
    while (n > 0) {
        size_t piece = n < (1 << 30) ? (size_t)n : (size_t)1 << 30;
        ssize_t got = pread(f->descriptor, to, piece, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_system(lib, f->path, "cannot be read");
        if (got == 0)
            return fail(lib, IDIM_EFORMAT,
                        "%s: expected %lld more bytes at offset %lld, found the end of the file: "
                        "an incomplete download?",
                        f->path, (long long)n, (long long)offset);
        to += got;
        offset += got;
        n -= got;
    }
    return 0;
}

void file_close(file_reader *f)
{
    if (f->descriptor >= 0)
        close(f->descriptor);
    f->descriptor = -1;
}

int file_read(idim *lib, const char *path, int64_t limit, char **out, int64_t *size)
{
    *out = NULL;
    *size = 0;
    file_reader f;
    TRY(file_open(lib, path, &f));

    int status = 0;
    if (f.size > limit)
        status = fail(lib, IDIM_EFORMAT, "%s: expected at most %lld bytes, found %lld", path,
                      (long long)limit, (long long)f.size);
    if (status == 0)
        status = NEW(lib, char, f.size + 1, path, out);
    if (status == 0)
        status = file_read_at(lib, &f, 0, *out, f.size);
    if (status == 0)
        *size = f.size;
    file_close(&f);
    if (status != 0) {
        memory_free(lib, *out);
        *out = NULL;
    }
    return status;
}

static int write_all(int descriptor, const char *bytes, int64_t n)
{
    while (n > 0) {
        size_t piece = n < (1 << 30) ? (size_t)n : (size_t)1 << 30;
        ssize_t put = write(descriptor, bytes, piece);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes += put;
        n -= put;
    }
    return 0;
}

/* false when it is too long for any call */
static bool folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    if (length >= PATH_MAX)
        return false;
    memcpy(folder, slash == NULL ? "." : path, length);
    folder[length] = '\0';
    return true;
}

/* makes the rename itself durable */
static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    if (!folder_of(path, folder))
        return -1;
    int descriptor = open(folder, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    /* some file systems refuse to sync a folder: then there is nothing to make durable */
    int status = fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS ? 0 : -1;
    return close(descriptor) == 0 ? status : -1;
}

static void forget(file_writer *w)
{
    memory_free(w->lib, w->path);
    memory_free(w->lib, w->temporary);
    *w = (file_writer){.descriptor = -1};
}

/* the process's number alone is not enough: on a shared file system another machine, or another
 * container, may have a writer of the same number at work on the same file */
static int create_temporary(file_writer *w)
{
    enum { TRIES = 1000 };
    long long number = (long long)getpid();
    for (int i = 0; i < TRIES; i++) {
        memory_free(w->lib, w->temporary);
        TRY(memory_format(w->lib, &w->temporary, "%s.%lld.tmp", w->path,
                          number + i * 10000000000LL));
        w->descriptor = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->descriptor >= 0 || errno != EEXIST)
            break;
    }
    return w->descriptor >= 0 ? 0 : fail_system(w->lib, w->temporary, "cannot be created");
}

int file_create(idim *lib, const char *path, file_writer *out)
{
    *out = (file_writer){.lib = lib, .descriptor = -1};
    int status = memory_text(lib, path, (int64_t)strlen(path), &out->path);
    if (status == 0)
        status = create_temporary(out);
    if (status != 0)
        forget(out);
    return status;
}

int file_put(file_writer *w, const void *bytes, int64_t n)
{
    if (write_all(w->descriptor, bytes, n) != 0)
        return fail_system(w->lib, w->temporary, "cannot be written");
    return 0;
}

int file_commit(file_writer *w)
{
    if (w->temporary == NULL)
        return 0;
    int status = 0;
    if (fsync(w->descriptor) != 0)
        status = fail_system(w->lib, w->temporary, "cannot be written");
    if (close(w->descriptor) != 0 && status == 0)
        status = fail_system(w->lib, w->temporary, "cannot be closed");
    w->descriptor = -1;
    if (status == 0 && rename(w->temporary, w->path) != 0)
        status = fail_system(w->lib, w->path, "cannot be replaced");
    if (status == 0 && sync_folder_of(w->path) != 0)
        status = fail_system(w->lib, w->path, "its folder cannot be made durable");
    if (status != 0)
        unlink(w->temporary);
    forget(w);
    return status;
}

void file_abandon(file_writer *w)
{
    if (w->temporary == NULL)
        return;
    if (w->descriptor >= 0)
        close(w->descriptor);
    unlink(w->temporary);
    forget(w);
}

int file_sync_folder_of(idim *lib, const char *path)
{
    return sync_folder_of(path) == 0 ? 0
                                     : fail_system(lib, path, "its folder cannot be made durable");
}

int file_write_pieces(idim *lib, const char *path, const file_piece *pieces, int64_t n)
{
    file_writer w;
    TRY(file_create(lib, path, &w));
    int status = 0;
    for (int64_t i = 0; i < n && status == 0; i++)
        status = file_put(&w, pieces[i].bytes, pieces[i].n);
    if (status == 0)
        status = file_commit(&w);
    file_abandon(&w);
    return status;
}

int file_write(idim *lib, const char *path, const void *bytes, int64_t n)
{
    file_piece piece = {bytes, n};
    return file_write_pieces(lib, path, &piece, 1);
}

/* name = "BASE.DIGITS.tmp" */
static bool is_temporary_of(const char *name, const char *base, size_t length)
{
    if (strncmp(name, base, length) != 0 || name[length] != '.')
        return false;
    const char *digits = name + length + 1;
    size_t n = strspn(digits, "0123456789");
    return n > 0 && strcmp(digits + n, ".tmp") == 0;
}

int file_remove_leftovers(idim *lib, const char *path)
{
    char folder[PATH_MAX];
    if (!folder_of(path, folder))
        return fail(lib, IDIM_EIO, "%s: expected a shorter path", path);
    DIR *d = opendir(folder);
    if (d == NULL)
        return errno == ENOENT ? 0 : fail_system(lib, folder, "cannot be listed");

    const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
    const struct dirent *entry;
    int status = 0;
    while (status == 0 && (entry = readdir(d)) != NULL) {
        char *found;
        if (!is_temporary_of(entry->d_name, base, strlen(base)))
            continue;
        status = file_join(lib, folder, entry->d_name, &found);
        if (status == 0)
            status = file_remove(lib, found);
        memory_free(lib, found);
    }
    closedir(d);
    return status;
}

int file_append(idim *lib, const char *path, const void *bytes, int64_t n)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return fail_system(lib, path, "cannot be opened");
    int status = 0;
    if (write_all(descriptor, bytes, n) != 0)
        status = fail_system(lib, path, "cannot be written");
    if (close(descriptor) != 0 && status == 0)
        status = fail_system(lib, path, "cannot be closed");
    return status;
}

int file_truncate(idim *lib, const char *path, int64_t n)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno != ENOENT)
            return fail_system(lib, path, "cannot be examined");
        info.st_size = 0;
    }
    if (info.st_size < n)
        return fail(lib, IDIM_EFORMAT, "%s: expected at least %lld bytes, found %lld", path,
                    (long long)n, (long long)info.st_size);
    if (info.st_size > n && truncate(path, (off_t)n) != 0)
        return fail_system(lib, path, "cannot be cut");
    return 0;
}

int file_make_folder(idim *lib, const char *path)
{
    char *part;
    TRY(memory_text(lib, path, (int64_t)strlen(path), &part));

    int status = 0;
    for (char *p = part + 1; status == 0 && p[-1] != '\0'; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            status = fail_system(lib, part, "folder cannot be made");
        *p = kept;
        if (kept == '\0')
            break;
    }
    if (status == 0 && !file_is_folder(path))
        status = fail(lib, IDIM_EIO, "%s: expected a folder, found a file", path);
    memory_free(lib, part);
    return status;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int file_remove(idim *lib, const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return fail_system(lib, path, "cannot be removed");
    return 0;
}

int file_join(idim *lib, const char *folder, const char *name, char **out)
{
    size_t length = strlen(folder);
    bool has_slash = length > 0 && folder[length - 1] == '/';
    return memory_format(lib, out, "%s%s%s", folder, has_slash || length == 0 ? "" : "/", name);
}
