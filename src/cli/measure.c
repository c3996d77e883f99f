/* idim measure
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

/* a number, or a word for none */
static void print_dim(char text[32], const json_t *json, const char *none)
{
    if (json_is_number(json))
        snprintf(text, 32, "%.0f", json_number_value(json));
    else
        snprintf(text, 32, "%s", none);
}

static void print_score(FILE *out, const json_t *of, const char *key)
{
    const json_t *score = key != NULL ? json_object_get(of, key) : of;
    if (json_is_number(score))
        fprintf(out, " %8.1f", 100 * json_number_value(score));
    else
        fprintf(out, " %8s", "-");
}

/* the end of a long path: that is what tells checkpoints apart */
static void print_model(FILE *out, const char *path)
{
    enum { WIDTH = 28 };
    size_t length = strlen(path), from = length > WIDTH ? length - (WIDTH - 3) : 0;
    /* not from the middle of a UTF-8 character */
    while (((unsigned char)path[from] & 0xC0) == 0x80)
        from++;
    fprintf(out, "%s%-*s", from > 0 ? "..." : "", from > 0 ? WIDTH - 3 : WIDTH, path + from);
}

static void show_cell(FILE *out, const json_t *cell)
{
    char d90[32], low[32], high[32], interval[72];
    print_dim(d90, json_object_get(cell, "d90"), "-");
    print_dim(low, json_object_get(cell, "low"), "-");
    print_dim(high, json_object_get(cell, "high"), "...");
    snprintf(interval, sizeof interval, "%s to %s", low, high);
    print_model(out, text_of(cell, "model"));
    fprintf(out, " %-12.12s %-6s %8s %18s", text_of(cell, "task"), text_of(cell, "method"), d90,
            d90[0] == '-' ? "" : interval);
    print_score(out, cell, "majority");
    print_score(out, json_object_get(cell, "head"), "score");
    print_score(out, json_object_get(cell, "bias"), "score");
    print_score(out, json_object_get(cell, "full"), "score");
    fprintf(out, "  %s\n", text_of(cell, "status"));
    if (text_of(cell, "variation")[0] != '\0')
        fprintf(out, "  %s\n", text_of(cell, "variation"));
    if (text_of(cell, "reason")[0] != '\0')
        fprintf(out, "  %s\n", text_of(cell, "reason"));
}

static void show_worker(FILE *out, const json_t *worker)
{
    char silent[32];
    show_time(json_number_value(json_object_get(worker, "seconds_silent")), silent);
    bool alive = json_is_true(json_object_get(worker, "alive"));
    fprintf(out, "%s: run %s by process %lld on %s, last sign of life %s ago\n",
            alive ? "working" : "left behind", text_of(worker, "run"),
            (long long)json_integer_value(json_object_get(worker, "process")),
            text_of(worker, "host"), silent);
}

static void show_measure(FILE *out, const json_t *study)
{
    size_t i;
    json_t *cell, *working = json_object_get(study, "working");
    fprintf(out, "%-28s %-12s %-6s %8s %18s %8s %8s %8s %8s  %s\n", "model", "task", "method",
            "d90", "95 % interval", "majority", "head", "bias", "full", "status");
    json_array_foreach(json_object_get(study, "cells"), i, cell) show_cell(out, cell);
    fprintf(out, "\n%lld runs%s",
            (long long)json_integer_value(json_object_get(study, "runs_done")),
            json_is_true(json_object_get(study, "complete")) ? ", complete\n" : ", not complete\n");
    json_array_foreach(working, i, cell) show_worker(out, cell);
}

static int run_measure(cli *c)
{
    return cli_print(c, idim_measure(c->lib, c->spec_text, progress_watch, c), show_measure);
}

const command command_measure = {
    .name = "measure",
    .summary = "finds d90, the smallest dimension that reaches 90 % of full fine-tuning",
    .arguments = "",
    .about = "Trains fully, the classifier alone, the biases alone, and in subspaces of "
             "dimensions chosen one after the other where the answer lies; gives d90 with a 95 % "
             "interval. Takes several models, tasks and methods in one call. The output folder "
             "holds measure.json (what --json prints), report.html, and a folder for each run. It "
             "can be stopped and started at will, and several calls may work on one folder at "
             "once, on one machine or on many: no run is done twice.",
    .examples =
        "  idim measure --model M --task mrpc --data glue/MRPC --method said --method did \\\n"
        "       --dims 10:100000 --output-dir study\n"
        "  idim measure --model M --train a.csv --dev b.csv --preset quick --output-dir s\n"
        "  idim measure --status study\n",
    .goes_on = true,
    .run = run_measure,
};
