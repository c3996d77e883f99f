/* What a spec is made of, for the files of spec alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SPEC_VALUES_H
#define IDIM_MEASURE_SPEC_VALUES_H

#include "measure/settings.h"
#include "measure/spec.h"

typedef struct value {
    bool present;  /* given, by default or by spec_set_*                              */
    bool set;      /* given                                                           */
    bool is_auto;  /* "auto" stands there                                             */
    char *text;    /* text, path, choice; owned                                       */
    double number; /* number, integer (whole and below 2^53), flag (0 or 1)           */
} value;

struct spec {
    idim *lib;
    const char *command;
    const idim_setting *rows; /* [n] the table */
    value *values;            /* [n]           */
    int64_t n;
};

/* Is its value text: a text, a path, a choice? */
bool spec_is_textual(const idim_setting *row);

/* Does the spec's command take it? Not where only the command line understands it. */
bool spec_takes(const spec *s, const idim_setting *row);

#endif
