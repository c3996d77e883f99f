#!/bin/sh
# The shared library shows what the header declares, all of it and nothing else.
#
#     tests/symbols.sh LIBRARY HEADER
#
# SPDX-License-Identifier: MIT
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort > "$work/shown"
grep '^IDIM_API' "$2" | sed 's/(.*//; s/.*[ *]//' | sort > "$work/declared"
[ -s "$work/declared" ]
diff "$work/declared" "$work/shown" && echo "$(wc -l < "$work/shown") symbols, all of them in idim.h"
