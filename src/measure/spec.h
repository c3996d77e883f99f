/* A spec: the settings of one command, every default in place.
 *
 *     spec *s;
 *     TRY(spec_parse(lib, "tune", text, &s));
 *     if (spec_is_auto(s, "learning_rate"))
 *         spec_set_number(s, "learning_rate", rate_for(spec_integer(s, "dim")));
 *     ... spec_text(s, "method") ...
 *     spec_free(s);
 *
 * Keys are the names of the settings table, `-` for `_` accepted. Refused, with the nearest valid
 * choice, are unknown keys, wrong types, values out of range and settings that contradict each
 * other. Getters take the name of a row the command has: another name is a bug and asserts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SPEC_H
#define IDIM_MEASURE_SPEC_H

#include "base/library.h"

typedef struct spec spec;

/* text is one JSON object. On success the caller owns *out. */
int spec_parse(idim *lib, const char *command, const char *text, spec **out);
void spec_free(spec *s);

const char *spec_command(const spec *s);
idim *spec_library(const spec *s);

/* Does the command have this setting at all? */
bool spec_has(const spec *s, const char *name);

/* Was it given (not by default)? */
bool spec_is_set(const spec *s, const char *name);

/* Is it left to be found ("auto"), and not yet set by spec_set_*? */
bool spec_is_auto(const spec *s, const char *name);

/* The value. Nothing given and no default, or num_train_epochs beside max_steps: NULL, 0 or false.
 * An "auto" that is not yet resolved: "auto", -1 or -1. */
const char *spec_text(const spec *s, const char *name); /* text, path or choice; borrowed */
int64_t spec_integer(const spec *s, const char *name);
double spec_number(const spec *s, const char *name); /* number or integer */
bool spec_flag(const spec *s, const char *name);

/* Puts what an "auto" (or an empty setting) came to into the spec, so that canonical text and
 * record say it. Does not make it "set". */
void spec_set_integer(spec *s, const char *name, int64_t value);
void spec_set_number(spec *s, const char *name, double value);

/* The settings that decide the result as one JSON object: keys sorted, no spaces, every default
 * written out, numbers in their shortest form that reads back the same, null where there is
 * nothing. It reads back as a spec of the same text. Equal text, equal question. From memory_*; the
 * caller frees. */
int spec_canonical(const spec *s, char **out);

/* The part of the canonical text that names a run: without paths, since a run is named by what they
 * lead to, and without settings that stand at the `unnamed` of their row. The caller frees. */
int spec_named(const spec *s, char **out);

#endif
