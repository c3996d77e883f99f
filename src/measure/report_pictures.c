/* gnuplot as a child process, without a shell: one a figure, which draws all three formats.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_export.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"

extern char **environ;

enum { PICTURE_LIMIT = 64 << 20 };

/* ---- the child ------------------------------------------------------------------------------- */

/* its exit status; -1: it did not run, errno says why. Its streams lead nowhere. */
static int run_gnuplot(char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int state = 0;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        errno = error;
        return -1;
    }
    for (int stream = 0; stream < 3 && error == 0; stream++)
        error = posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
    if (error == 0)
        error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        errno = error;
        return -1;
    }
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 255;
}

/* "cd 'folder'; format='svg'; load 'name.gp'; ...": gnuplot reads ~ in a path, ./ keeps it away */
static void put_commands(buffer *b, const char *folder, const char *name)
{
    static const char *const formats[] = {"svg", "png", "pdf"};
    buffer_put(b, folder[0] == '/' ? "cd '" : "cd './");
    for (; *folder != '\0'; folder++)
        buffer_bytes(b, *folder == '\'' ? "''" : folder, *folder == '\'' ? 2 : 1);
    buffer_put(b, "'");
    for (int i = 0; i < 3; i++)
        buffer_add(b, "; format='%s'; load '%s.gp'; set output; reset", formats[i], name);
}

/* ---- the date in the PDF --------------------------------------------------------------------- */

/* cairo writes when the file was made; the same study shall give the same bytes. The digits are
 * replaced in place: no offset of the file moves. */
static int forget_date(idim *lib, const char *path)
{
    static const char key[] = "/CreationDate (D:", then[] = "19700101000000";
    char *bytes;
    int64_t n;
    TRY(file_read(lib, path, PICTURE_LIMIT, &bytes, &n));
    int64_t length = (int64_t)strlen(key), digits = (int64_t)strlen(then);
    int status = 0;
    for (int64_t i = 0; i + length + digits <= n; i++)
        if (memcmp(bytes + i, key, (size_t)length) == 0) {
            memcpy(bytes + i + length, then, (size_t)digits);
            status = file_write(lib, path, bytes, n);
            break;
        }
    memory_free(lib, bytes);
    return status;
}

/* ---- all figures ----------------------------------------------------------------------------- */

static int draw(idim *lib, const char *folder, const char *name, int *result)
{
    buffer commands = {.lib = lib};
    char *path = NULL;
    put_commands(&commands, folder, name);
    int status = commands.status;
    if (status == 0) {
        char program[] = "gnuplot", plain[] = "-d", option[] = "-e";
        char *arguments[] = {program, plain, option, commands.bytes, NULL};
        *result = run_gnuplot(arguments);
    }
    if (status == 0 && *result == 0)
        status = memory_format(lib, &path, "%s/%s.pdf", folder, name);
    if (status == 0 && *result == 0)
        status = forget_date(lib, path);
    memory_free(lib, path);
    buffer_free(&commands);
    return status;
}

static int draw_lines(idim *lib, const char *folder, char *names, buffer *note, int64_t *drawn)
{
    for (char *at = names, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        int result = -1;
        *end = '\0';
        TRY(draw(lib, folder, at, &result));
        if (result == 0) {
            *drawn += 1;
            continue;
        }
        if (result < 0 && errno == ENOENT)
            buffer_put(note, "gnuplot is not installed: figures/ holds data and scripts alone");
        else if (result < 0)
            buffer_add(note, "gnuplot cannot be run: %s", strerror(errno));
        else
            buffer_add(note, "gnuplot failed on figures/%s.gp (exit code %d)", at, result);
        break; /* the others would fail the same way */
    }
    return note->status;
}

int export_pictures(idim *lib, const char *folder, const buffer *names, buffer *note,
                    int64_t *drawn)
{
    char *lines;
    *drawn = 0;
    if (names->n == 0)
        return 0;
    TRY(memory_text(lib, names->bytes, names->n, &lines));
    int status = draw_lines(lib, folder, lines, note, drawn);
    memory_free(lib, lines);
    return status;
}
