/* idim predict
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

/* the label, or the number with 3 decimals, then the logits if there are any */
static void show_prediction(FILE *out, const json_t *one)
{
    const json_t *label = json_object_get(one, "label");
    const json_t *logits = json_object_get(one, "logits");
    if (json_is_string(label)) {
        fputs(json_string_value(label), out);
    } else if (json_is_array(label)) {
        for (size_t k = 0; k < json_array_size(label); k++)
            fprintf(out, "%s%s", k > 0 ? "," : "", json_string_value(json_array_get(label, k)));
    } else {
        fprintf(out, "%.3f", json_number_value(label));
    }
    for (size_t k = 0; k < json_array_size(logits); k++)
        fprintf(out, "\t%.6f", json_number_value(json_array_get(logits, k)));
}

/* index TAB prediction; with several adapters TAB the next one's, and so on */
static void show_predictions(FILE *out, const json_t *result)
{
    const json_t *results = json_object_get(result, "results");
    const json_t *list = json_object_get(result, "predictions");
    if (results != NULL)
        list = json_object_get(json_array_get(results, 0), "predictions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        fprintf(out, "%lld\t", (long long)json_integer_value(json_object_get(one, "index")));
        show_prediction(out, one);
        for (size_t k = 1; k < json_array_size(results); k++) {
            const json_t *other = json_object_get(json_array_get(results, k), "predictions");
            fputc('\t', out);
            show_prediction(out, json_array_get(other, i));
        }
        fputc('\n', out);
    }
}

static int run_predict(cli *c)
{
    return cli_print(c, idim_predict(c->lib, c->spec_text, progress_watch, c), show_predictions);
}

const command command_predict = {
    .name = "predict",
    .summary = "labels a file",
    .arguments = "",
    .about = "Writes index<TAB>prediction for every row of the file, which needs no label column: "
             "the label's name, or a number with three decimals for regression. A folder with its "
             "own head needs no adapter. Several adapters of one base may be given: a column each, "
             "from one copy of the weights.",
    .examples = "  idim predict --model M --adapter out/adapter.idim --test new.csv\n"
                "  idim predict --model M --adapter a.idim --adapter b.idim --test new.csv\n"
                "  idim predict --model M --test b.jsonl --text sentence1,sentence2 --logits "
                "--json\n",
    .run = run_predict,
};
