/* idim bench
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static double number_of(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static void show_part(FILE *out, const char *name, double seconds, double whole)
{
    fprintf(out, "  %-24s %9.2f ms %5.1f %%\n", name, 1000 * seconds,
            whole > 0 ? 100 * seconds / whole : 0);
}

static void show_parts(FILE *out, const json_t *result)
{
    const char *name;
    const json_t *seconds;
    double whole = number_of(result, "seconds_per_step");
    json_object_foreach((json_t *)json_object_get(result, "parts"), name, seconds)
        show_part(out, name, json_number_value(seconds), whole);
    show_part(out, "the step", whole, whole);
    show_part(out, "its products at best", number_of(result, "limit_seconds_per_step"), whole);
}

static void show_bench(FILE *out, const json_t *result)
{
    const json_t *memory = json_object_get(result, "memory_bytes");
    const char *name;
    const json_t *bytes;
    char text[32];
    fprintf(out, "batch      %.0f examples, %.0f tokens; %s kernels, %.0f threads; d = %.0f\n",
            number_of(result, "examples"), number_of(result, "tokens"),
            json_string_value(json_object_get(result, "kernels")), number_of(result, "threads"),
            number_of(result, "dim"));
    fputs("time of a step\n", out);
    show_parts(out, result);
    fprintf(out, "speed      %.0f tokens/s training, %.0f tokens/s scoring\n",
            number_of(result, "tokens_per_second"),
            number_of(result, "evaluated_tokens_per_second"));
    fprintf(out, "limit      %.1f GFLOP/s: a large product on this machine in the same minute\n",
            1e-9 * number_of(result, "product_operations_per_second"));
    fputs("memory\n", out);
    json_object_foreach((json_t *)memory, name, bytes)
    {
        show_bytes(json_number_value(bytes), text);
        fprintf(out, "  %-24s %s\n", name, text);
    }
    show_time(number_of(result, "seconds"), text);
    fprintf(out, "the run    %.0f steps, about %s and the scoring\n", number_of(result, "steps"),
            text);
}

static int run_bench(cli *c)
{
    return cli_print(c, idim_bench(c->lib, c->spec_text, progress_watch, c), show_bench);
}

const command command_bench = {
    .name = "bench",
    .summary = "times a training step on your model and task, part by part",
    .arguments = "",
    .about =
        "Takes the settings of tune, trains nothing and writes nothing: times push, forward, "
        "backward, pull and optimiser on real batches, the scoring, and a large matrix product "
        "beside them, which says what this machine could do at best; and the memory of "
        "weights, step and trained numbers.",
    .examples = "  idim bench --model M --task mrpc --data glue/MRPC --dim 2000\n"
                "  idim bench --model M --train a.csv --text sentence --method full --threads 2 "
                "--json\n",
    .run = run_bench,
};
