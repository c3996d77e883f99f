/* Progress on standard error: a bar on a terminal, elsewhere a line now and then.
 *
 * The only state outside a handle in this program is here: what a signal handler must reach.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked;

/* the first signal asks to save and stop; a second SIGINT does not wait for it */
static void on_signal(int number)
{
    if (stop_asked && number == SIGINT)
        _exit(128 + SIGINT);
    stop_asked = 1;
}

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(progress *p, bool quiet, bool verbose)
{
    const char *terminal = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    bool able = isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
    *p = (progress){.quiet = quiet, .bar = able && !verbose, .begun = now_seconds()};
    p->colour = able && (no_colour == NULL || no_colour[0] == '\0');
    p->every = verbose ? 1 : able ? 0.1 : 30;
    p->last = verbose || able ? 0 : p->begun;
}

void progress_stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

static void clear_bar(progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

void progress_end(progress *p)
{
    clear_bar(p);
    fflush(stderr);
}

void progress_log(void *user, const char *line)
{
    progress *p = &((cli *)user)->progress;
    if (p->quiet)
        return;
    clear_bar(p);
    fprintf(stderr, "%s\n", line);
}

static void print_bar(const progress *p, double share)
{
    enum { WIDTH = 20 };
    int full = (int)(WIDTH * share);
    fprintf(stderr, " %s", p->colour ? "\033[32m" : "");
    for (int i = 0; i < WIDTH; i++)
        fputc(i < full ? '#' : '.', stderr);
    fputs(p->colour ? "\033[0m" : "", stderr);
}

int progress_watch(void *user, const idim_progress *now)
{
    progress *p = &((cli *)user)->progress;
    double at = now_seconds();
    if (p->quiet || at - p->last < p->every)
        return stop_asked;
    p->last = at;

    clear_bar(p);
    double share = now->steps > 0 ? (double)now->step / (double)now->steps : 0;
    fprintf(stderr, "%-5s", now->phase);
    if (p->bar)
        print_bar(p, share > 1 ? 1 : share);
    fprintf(stderr, " %lld/%lld", (long long)now->step, (long long)now->steps);
    if (isfinite(now->loss) && now->loss > 0)
        fprintf(stderr, "  loss %.4f", now->loss);
    if (now->learning_rate > 0)
        fprintf(stderr, "  rate %.2e", now->learning_rate);
    if (isfinite(now->score))
        fprintf(stderr, "  dev %.3f", now->score);
    if (now->seconds_left >= 0) {
        char left[32];
        show_time(now->seconds_left, left);
        fprintf(stderr, "  %s left", left);
    }
    if (!p->bar)
        fputc('\n', stderr);
    p->shown = p->bar;
    fflush(stderr);
    return stop_asked;
}
