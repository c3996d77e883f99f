/* Folders as things that are made, moved and listed by several processes at once, on file systems
 * without locks: making a folder and renaming one are atomic everywhere, network file systems
 * included.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_FOLDER_H
#define IDIM_BASE_FOLDER_H

#include "base/library.h"

/* Makes one folder. *made false: something of that name is there. Of several at once one makes it.
 */
int folder_claim(idim *lib, const char *path, bool *made);

/* Renames a folder, durably. *moved false: `from` is not there (any more), or `to` is a folder that
 * is not empty. Of several that move the same folder one succeeds. */
int folder_move(idim *lib, const char *from, const char *to, bool *moved);

/* Removes a folder with all files in it, but no folders below it; one that is not there is fine. */
int folder_remove(idim *lib, const char *path);

/* The names in a folder, sorted by bytes, without those that begin with a dot. A folder that is not
 * there holds none. */
typedef struct folder_names {
    char **name;
    int64_t n;
} folder_names;
int folder_list(idim *lib, const char *path, folder_names *out);
int folder_list_hidden(idim *lib, const char *path, folder_names *out); /* these too */
void folder_names_free(idim *lib, folder_names *names);

/* The time a file was last changed, in seconds by the file system's clock; negative: no file. */
double file_changed(const char *path);

/* Makes that time now. *there false: no file. */
int file_touch(idim *lib, const char *path, bool *there);

#endif
