/* A training loop of one's own: four sentences, 40 numbers instead of all weights, plain descent.
 *
 *     cc own_loop.c $(pkg-config --cflags --libs idim) -o own_loop && ./own_loop MODEL_FOLDER
 *
 * SPDX-License-Identifier: MIT */
#include <idim.h>
#include <stdio.h>
#include <stdlib.h>

static int check(idim *lib, int status)
{
    if (status != IDIM_OK)
        fprintf(stderr, "%s\n", idim_error(lib));
    return status != IDIM_OK;
}

int main(int argc, char **argv)
{
    static const char *const texts[] = {"good good bade", "kilo good", "bad muna", "lode bad bad"};
    static const float labels[] = {1, 1, 0, 0};
    int32_t ids[256], start[5] = {0};
    float x[40], dx[40];
    double loss, first = 0;
    idim *lib;
    idim_model *model;
    idim_tokenizer *tokenizer;
    idim_subspace *space;

    if (argc != 2 || idim_open(NULL, &lib) != IDIM_OK)
        return 2;
    if (check(lib, idim_model_open(lib, argv[1], 2, 42, &model)) ||
        check(lib, idim_tokenizer_open(lib, argv[1], &tokenizer)))
        return 1;
    for (int i = 0; i < 4; i++) {
        int64_t n;
        if (check(lib, idim_tokenizer_encode(tokenizer, texts[i], NULL, 64, 64, ids + start[i],
                                             NULL, &n)))
            return 1;
        start[i + 1] = start[i] + (int32_t)n;
    }

    idim_subspace_options options = idim_subspace_defaults();
    options.dim = 40;
    if (check(lib, idim_subspace_new(model, &options, &space)))
        return 1;
    idim_subspace_origin(space, x);

    const idim_batch batch = {.ids = ids, .start = start, .label = labels, .n = 4};
    float *gradient = malloc((size_t)idim_model_size(model) * sizeof *gradient);
    for (int step = 0; step < 20; step++) {
        if (check(lib, idim_subspace_push(space, x)) ||
            check(lib, idim_model_loss(model, &batch, &loss, gradient)) ||
            check(lib, idim_subspace_pull(space, x, gradient, dx)))
            return 1;
        first = step == 0 ? loss : first;
        for (int i = 0; i < 40; i++)
            x[i] -= 0.1f * dx[i];
        printf("step %2d  loss %.4f\n", step, loss);
    }
    free(gradient);
    idim_subspace_free(space);
    idim_tokenizer_close(tokenizer);
    idim_model_close(model);
    idim_close(lib);
    return loss < first ? 0 : 1;
}
