#!/bin/sh
# libFuzzer for IDIM_FUZZ_SECONDS (600) from a corpus that stays as it is.
#
#     fuzz/long.sh FUZZER CORPUS
#
# SPDX-License-Identifier: MIT
set -eu
grown=$(mktemp -d)
trap 'rm -rf "$grown"' EXIT
"$1" -max_total_time="${IDIM_FUZZ_SECONDS:-600}" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    "$grown" "$2"
