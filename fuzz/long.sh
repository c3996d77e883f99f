#!/bin/sh
# libFuzzer under ASan and UBSan for IDIM_FUZZ_SECONDS (600), from a corpus that stays as it is. The
# fuzzer is built here by clang, in FOLDER; where there is no clang with libFuzzer, REPLAY changes the
# inputs at random instead, and says so.
#
#     fuzz/long.sh SOURCE FOLDER NAME REPLAY       fuzz/long.sh . build-fuzz json build/fuzz/replay_json
#
# SPDX-License-Identifier: MIT
set -eu
source=$1 folder=$2 name=$3 replay=$4
corpus=$source/fuzz/corpus/$name
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

offers_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(
        const char *d, unsigned long n) { return d == 0 && n == 1; }' > "$work/try.c"
    clang -fsanitize=fuzzer,address,undefined "$work/try.c" -o "$work/try" > "$work/log" 2>&1
}

if ! offers_fuzzer; then
    echo "no clang with libFuzzer here: inputs changed at random, without coverage or sanitizers"
    "$replay" --mutate "$corpus"
    exit
fi
cmake -S "$source" -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang \
    -DIDIM_FUZZERS=ON -DIDIM_SANITIZE=ON > "$work/log" 2>&1 &&
    cmake --build "$folder" --target "fuzz_$name" >> "$work/log" 2>&1 || {
    tail -n 40 "$work/log"
    exit 1
}
mkdir "$work/grown"
"$folder/fuzz/fuzz_$name" -max_total_time="${IDIM_FUZZ_SECONDS:-600}" -timeout=60 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$folder/" "$work/grown" "$corpus"
