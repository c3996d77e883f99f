#!/bin/sh
# Counts the instructions of three training steps of the tiny model and compares them with the
# recorded figure of this compiler: a slow-down is caught without a stopwatch.
#
#     tests/instructions.sh COUNT_STEPS MODEL METHOD COMPILER         compares, within 5 %
#     tests/instructions.sh --record COUNT_STEPS MODEL METHOD COMPILER
#
# COMPILER names what the count depends on: "GNU 12.2.0 x86_64 Release". Exit 77 (skipped) without
# valgrind, and with a compiler for which no figure is recorded in tests/instructions/recorded.tsv.
#
# SPDX-License-Identifier: MIT
set -eu
record=
if [ "$1" = --record ]; then
    record=yes
    shift
fi
program=$1 model=$2 method=$3 compiler=$4
recorded=$(dirname "$0")/instructions/recorded.tsv

if ! command -v valgrind > /dev/null; then
    echo "SKIPPED: valgrind is absent (tools/install-packages.sh long)"
    exit 77
fi
expected=$(awk -F '\t' -v c="$compiler" -v m="$method" '$1 == c && $2 == m { print $3 }' "$recorded")
if [ -z "$expected$record" ]; then
    echo "SKIPPED: recorded.tsv has no figure for $method with $compiler; to record one:"
    echo "    $0 --record '$program' '$model' '$method' '$compiler'"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# without the CPU's own copies of the C library's functions
if ! GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX,-FMA,-AVX512F,-ERMS,-FSRM valgrind \
    --tool=callgrind --toggle-collect=trainer_step --callgrind-out-file="$work/profile" \
    "$program" "$model" "$method" > "$work/out" 2>&1; then
    cat "$work/out"
    exit 1
fi
found=$(sed -n 's/^==[0-9]*== Collected : *//p' "$work/out")
echo "$method: $found instructions in three steps ($compiler)"

if [ -n "$record" ]; then
    awk -F '\t' -v c="$compiler" -v m="$method" '!($1 == c && $2 == m)' "$recorded" > "$work/new"
    printf '%s\t%s\t%s\n' "$compiler" "$method" "$found" >> "$work/new"
    cp "$work/new" "$recorded"
    exit 0
fi
if ! awk -v found="$found" -v expected="$expected" 'BEGIN {
        change = 100 * (found / expected - 1)
        printf "recorded %s: %+.2f %%\n", expected, change
        exit change > 5 || change < -5 }'; then
    echo "FAILED: more than 5 % from the recorded figure. Where they went:"
    callgrind_annotate --auto=no --threshold=80 "$work/profile" | grep "^ *[0-9]" | head -n 12
    echo "If the change is wanted (fewer instructions are news too), record it anew:"
    echo "    $0 --record '$program' '$model' '$method' '$compiler'"
    exit 1
fi
