/* Folders through POSIX calls.
 *
 * SPDX-License-Identifier: MIT */
#include "base/folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_system(idim *lib, const char *path, const char *what)
{
    return fail(lib, IDIM_EIO, "%s: %s: %s", path, what, strerror(errno));
}

int folder_claim(idim *lib, const char *path, bool *made)
{
    *made = mkdir(path, 0777) == 0;
    return *made || errno == EEXIST ? 0 : fail_system(lib, path, "folder cannot be made");
}

int folder_move(idim *lib, const char *from, const char *to, bool *moved)
{
    *moved = rename(from, to) == 0;
    if (!*moved)
        return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST
                   ? 0
                   : fail_system(lib, from, "cannot be renamed");
    TRY(file_sync_folder_of(lib, from));
    return file_sync_folder_of(lib, to);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(idim *lib, folder_names *names, int64_t *room, const char *name)
{
    if (names->n == *room) {
        *room = 2 * *room + 16;
        TRY(memory_resize(lib, *room, (int64_t)sizeof(char *), "names", (void **)&names->name));
    }
    TRY(memory_text(lib, name, (int64_t)strlen(name), &names->name[names->n]));
    names->n++;
    return 0;
}

static bool is_listed(const char *name, bool hidden)
{
    return name[0] != '.' || (hidden && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

static int list(idim *lib, const char *path, bool hidden, folder_names *out)
{
    *out = (folder_names){0};
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? 0 : fail_system(lib, path, "cannot be listed");

    int64_t room = 0;
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;)
        if (is_listed(entry->d_name, hidden))
            status = add_name(lib, out, &room, entry->d_name);
    closedir(folder);
    if (status != 0) {
        folder_names_free(lib, out);
        return status;
    }
    if (out->n > 1)
        qsort(out->name, (size_t)out->n, sizeof out->name[0], compare);
    return 0;
}

int folder_list(idim *lib, const char *path, folder_names *out)
{
    return list(lib, path, false, out);
}

int folder_list_hidden(idim *lib, const char *path, folder_names *out)
{
    return list(lib, path, true, out);
}

void folder_names_free(idim *lib, folder_names *names)
{
    for (int64_t i = 0; i < names->n; i++)
        memory_free(lib, names->name[i]);
    memory_free(lib, names->name);
    *names = (folder_names){0};
}

static int remove_all(idim *lib, const char *path, const folder_names *names)
{
    for (int64_t i = 0; i < names->n; i++) {
        char *file;
        TRY(file_join(lib, path, names->name[i], &file));
        int status = file_remove(lib, file);
        memory_free(lib, file);
        TRY(status);
    }
    return rmdir(path) == 0 || errno == ENOENT ? 0 : fail_system(lib, path, "cannot be removed");
}

int folder_remove(idim *lib, const char *path)
{
    folder_names names;
    TRY(list(lib, path, true, &names));
    int status = remove_all(lib, path, &names);
    folder_names_free(lib, &names);
    return status;
}

/* ---- times ----------------------------------------------------------------------------------- */

double file_changed(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return -1;
    return (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
}

int file_touch(idim *lib, const char *path, bool *there)
{
    *there = utimensat(AT_FDCWD, path, NULL, 0) == 0;
    return *there || errno == ENOENT ? 0 : fail_system(lib, path, "cannot be touched");
}
