/* idim gradients
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static double number_of(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static void show_gradients(FILE *out, const json_t *result)
{
    const json_t *shape = json_object_get(result, "shape");
    char time[32], size[32];
    show_time(number_of(result, "seconds"), time);
    show_bytes(number_of(result, "bytes"), size);
    fprintf(out, "wrote      %s (%s): float32", json_string_value(json_object_get(result, "path")),
            size);
    for (size_t i = 0; i < json_array_size(shape); i++)
        fprintf(out, "%s%lld", i > 0 ? " x " : " ",
                (long long)json_integer_value(json_array_get(shape, i)));
    fprintf(out, "\ntime       %s, %.1f ms an example\n", time,
            1000 * number_of(result, "seconds_per_example"));
    if (json_is_number(json_object_get(result, "loss")))
        fprintf(out, "mean loss  %.4f\n", number_of(result, "loss"));
}

static int run_gradients(cli *c)
{
    return cli_print(c, idim_gradients(c->lib, c->spec_text, progress_watch, c), show_gradients);
}

const command command_gradients = {
    .name = "gradients",
    .summary = "writes the gradient of every example, d numbers each, as a NumPy file",
    .arguments = "",
    .about =
        "Takes the gradient of each example's loss (or logits) with respect to all weights "
        "and pulls it into the random subspace that --method, --dim, --projection, "
        "--normalize, --groups and --seed name: a row of d numbers, whose inner products "
        "estimate those of the gradients, as in selecting or attributing training data (TRAK, "
        "LESS). The file is float32 [examples][d], or [examples][classes][d] for the logits of "
        "more than two classes; it appears when it is complete. With --adapter the gradients "
        "are those of the adapted model, with respect to the adapter's own numbers, or to "
        "others where --method or --dim is given.",
    .examples =
        "  idim gradients --model M --train a.csv --text sentence --label label \\\n"
        "       --method did --dim 4096 --output train.npy\n"
        "  idim gradients --model M --adapter out/adapter.idim --test b.csv --split test \\\n"
        "       --of logits --output test.npy --json\n",
    .run = run_gradients,
};
