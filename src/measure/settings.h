/* The settings table: one row a setting. From it come the flags, the help, the man page, the
 * completion, the keys of a spec, its canonical text and the name of a run. A new setting is a row
 * here and nothing else.
 *
 * Runs are known by name for years, so a new row must not rename those done before there was such
 * a setting: its `unnamed` is the value that they had ("" where they had none), and a name mentions
 * the setting only where it stands at another. It is written once and stays, also when the default
 * changes. The oldest rows have NULL there and stand in every name.
 *
 * Some groups mean something. SETTINGS_RUNNING holds what changes no number of the result (threads,
 * folders to write to), so it stays out of the canonical text. SETTINGS_COMMAND holds what only the
 * command understands (--json, --config), so a spec refuses it. SETTINGS_SUBSPACE and
 * SETTINGS_CODING are no business of measure's baselines, so that cells share them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SETTINGS_H
#define IDIM_MEASURE_SETTINGS_H

#include "base/library.h"

#define SETTINGS_RUNNING  "Running (changes no result)"
#define SETTINGS_COMMAND  "The command"
#define SETTINGS_SUBSPACE "Subspace"
#define SETTINGS_CODING   "Coding"

/* Does `command` take it? */
bool setting_serves(const idim_setting *row, const char *command);

#endif
