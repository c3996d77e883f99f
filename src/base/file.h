/* Files: read whole or in part with sizes checked, written so that a reader sees the old content or
 * the new one and nothing between (temporary file in the same folder, fsync, rename, fsync of the
 * folder).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_FILE_H
#define IDIM_BASE_FILE_H

#include "base/library.h"

/* The whole file, a zero byte after it (not counted in *size). At most `limit` bytes (IDIM_EFORMAT
 * beyond). The caller frees with memory_free. */
int file_read(idim *lib, const char *path, int64_t limit, char **out, int64_t *size);

/* A regular file open for reading at any place. */
typedef struct file_reader {
    int descriptor;
    int64_t size;
    const char *path; /* borrowed from file_open's argument */
} file_reader;

int file_open(idim *lib, const char *path, file_reader *out);
/* Exactly n bytes at offset; fewer is IDIM_EFORMAT ("an incomplete download?"). */
int file_read_at(idim *lib, const file_reader *f, int64_t offset, void *out, int64_t n);
void file_close(file_reader *f);

/* Replaces path atomically by bytes[0 .. n). */
int file_write(idim *lib, const char *path, const void *bytes, int64_t n);

/* The same for bytes that lie in several places, written one after the other. */
typedef struct file_piece {
    const void *bytes;
    int64_t n;
} file_piece;
int file_write_pieces(idim *lib, const char *path, const file_piece *pieces, int64_t n);

/* The same piece by piece, for what does not fit in memory: path is replaced by file_commit and not
 * before; file_abandon leaves it as it was. Either ends the writer; both accept one that has ended,
 * and file_abandon a zeroed one. */
typedef struct file_writer {
    idim *lib;
    char *path, *temporary; /* NULL: ended */
    int descriptor;
} file_writer;

int file_create(idim *lib, const char *path, file_writer *out);
int file_put(file_writer *w, const void *bytes, int64_t n);
int file_commit(file_writer *w);
void file_abandon(file_writer *w);

/* Removes the temporary files that processes killed while they wrote `path` have left beside it.
 * For an owner of path alone: of a process that is writing it, the temporary would go too. */
int file_remove_leftovers(idim *lib, const char *path);

/* Appends bytes in one write call. */
int file_append(idim *lib, const char *path, const void *bytes, int64_t n);

/* Cuts the file to its first n bytes; fewer is IDIM_EFORMAT, no file is one of 0 bytes. */
int file_truncate(idim *lib, const char *path, int64_t n);

/* Makes the folder and its parents; one that exists is fine. */
int file_make_folder(idim *lib, const char *path);

bool file_exists(const char *path);
bool file_is_folder(const char *path);

/* Makes durable what was created, renamed or removed in the folder that path lies in. */
int file_sync_folder_of(idim *lib, const char *path);

/* Removes the file; one that does not exist is fine. */
int file_remove(idim *lib, const char *path);

/* "folder/name" in a new block. */
int file_join(idim *lib, const char *folder, const char *name, char **out);

#endif
