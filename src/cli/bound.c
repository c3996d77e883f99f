/* idim bound
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static double number_of(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static void show_bound(FILE *out, const json_t *result)
{
    const json_t *b = json_object_get(result, "bound"), *name_of = json_object_get(b, "baselines");
    const char *name;
    json_t *one;
    fprintf(out,
            "bound      error <= %.4f with probability %g over the draw of %.0f independent rows\n",
            number_of(b, "bound"), 1 - number_of(b, "delta"), number_of(b, "n"));
    fprintf(out, "from       %.0f bits, %.0f of %.0f rows wrong (%.4f)\n", number_of(b, "bits"),
            number_of(b, "errors"), number_of(b, "n"), number_of(b, "train_error"));
    json_object_foreach((json_t *)name_of, name, one)
    {
        const json_t *bits = json_object_get(one, "bits");
        bool beaten = json_is_true(json_object_get(one, "beaten"));
        fprintf(out, "%s %-9s%.4f", beaten ? "beats     " : "not below ", name,
                number_of(one, "error"));
        if (json_is_number(bits) && json_number_value(bits) < 0)
            fputs(", which no file with these errors could\n", out);
        else if (json_is_number(bits))
            fprintf(out, ", as would up to %.0f bits with these errors\n", json_number_value(bits));
        else
            fputc('\n', out);
    }
    fprintf(out, "whole file %.4f counting every byte of its %.0f; %.4f with none\n",
            number_of(b, "bound_of_whole_file"), number_of(b, "file_bytes"),
            number_of(b, "bound_without_bits"));
    json_object_foreach(json_object_get(result, "held_out"), name, one)
        fprintf(out, "held out   %s %.4f (%.0f of %.0f rows wrong)\n", name,
                number_of(one, "error"), number_of(one, "errors"), number_of(one, "n"));
}

static int run_bound(cli *c)
{
    return cli_print(c, idim_bound(c->lib, c->spec_text, progress_watch, c), show_bound);
}

const command command_bound = {
    .name = "bound",
    .summary = "a certified upper bound on the error of an adapted model",
    .arguments = "",
    .about = "Counts the errors on the rows the adapter was trained on, and the bits of its file: "
             "the fewer of both, the lower the bound. It holds when the rows are independent draws "
             "of what the model will meet, and the base was not trained on them. A coded adapter "
             "(tune --bits, --max-adapter-bytes or --for-bound) is needed for a bound below 1.",
    .examples =
        "  idim bound --model M --adapter out/adapter.idim --train a.csv --test b.csv\n"
        "  idim bound --model M --adapter out/adapter.idim --task mrpc --data glue/MRPC \\\n"
        "       --delta 0.01 --json\n",
    .run = run_bound,
};
