/* idim tune
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "-";
}

static double number_of(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static void show_labels(FILE *out, const json_t *labels)
{
    size_t i;
    json_t *label;
    if (!json_is_array(labels) || json_array_size(labels) < 2)
        return;
    fputs("labels     ", out);
    json_array_foreach(labels, i, label)
        fprintf(out, "%s%zu = %s", i > 0 ? ", " : "", i,
                json_is_string(label) ? json_string_value(label) : "?");
    fputc('\n', out);
}

/* the main score of the coded adapter against its uncoded self */
static void show_coding(FILE *out, const json_t *run)
{
    const json_t *coding = json_object_get(run, "coding"), *scores = json_object_get(run, "eval");
    const char *metric = text_of(run, "metric"), *split;
    json_t *score;
    if (coding == NULL)
        return;
    fprintf(out, "coded      %.0f bytes, %.0f of them for the numbers, %.2f bits each\n",
            number_of(coding, "bytes"), number_of(coding, "number_bytes"),
            number_of(coding, "bits"));
    json_object_foreach((json_t *)scores, split, score)
    {
        double coded = number_of(score, metric);
        double plain =
            number_of(json_object_get(json_object_get(coding, "uncoded"), split), metric);
        fprintf(out, "           %s %.2f %%, uncoded %.2f %% (%+.2f)\n", split, 100 * coded,
                100 * plain, 100 * (coded - plain));
    }
}

static void show_tune(FILE *out, const json_t *run)
{
    const json_t *model = json_object_get(run, "model");
    const json_t *trained = json_object_get(run, "trained");
    const json_t *adapter = json_object_get(run, "adapter");
    const json_t *best = json_object_get(run, "best");
    char time[32], memory[32], size[32];
    show_time(number_of(run, "seconds"), time);
    show_bytes(number_of(run, "peak_memory_bytes"), memory);
    show_bytes(number_of(adapter, "bytes"), size);

    fprintf(out, "model      %s (%.0f weights)\n", text_of(model, "path"),
            number_of(model, "parameters"));
    fprintf(out, "method     %s, %.0f numbers trained\n", text_of(run, "method"),
            number_of(trained, "z") + number_of(trained, "lambda") + number_of(trained, "direct"));
    show_labels(out, json_object_get(json_object_get(run, "task"), "labels"));
    fprintf(out, "steps      %.0f in %s, %.1f ms each, peak memory %s\n", number_of(run, "steps"),
            time, 1000 * number_of(run, "seconds_per_step"), memory);
    fputs("scores\n", out);
    show_scores(out, run);
    if (json_is_number(json_object_get(best, "score")))
        fprintf(out, "best       %.2f %% at step %.0f\n", 100 * number_of(best, "score"),
                number_of(best, "step"));
    fprintf(out, "adapter    %s (%s)\n", text_of(adapter, "path"), size);
    show_coding(out, run);
}

static int run_tune(cli *c)
{
    return cli_print(c, idim_tune(c->lib, c->spec_text, progress_watch, c), show_tune);
}

const command command_tune = {
    .name = "tune",
    .summary = "fine-tunes in d dimensions (or fully) and writes an adapter and a record",
    .arguments = "",
    .about = "Trains on a GLUE task or on any file of labelled texts. The output folder gets "
             "adapter.idim (the last state), best.idim (the best on dev), record.json (what "
             "--json prints) and log.jsonl (a line a step). A run that is stopped by SIGINT, "
             "SIGTERM or SIGUSR1 exits with 75; the same command goes on where it stopped.",
    .examples = "  idim tune --model M --task mrpc --data glue/MRPC --method said --dim 2000 \\\n"
                "       --output-dir out\n"
                "  idim tune --model M --train a.csv --dev b.csv --text sentence --label label \\\n"
                "       --method full --max-steps 5 --dropout 0 --output-dir out\n"
                "  idim tune --config settings.json --output-dir out --dry-run\n",
    .goes_on = true,
    .run = run_tune,
};
