#!/bin/sh
# The golden hashes of the projections with each compiler there is, without and with optimisation:
# tools/check-golden.sh [build folder]
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
root=${1:-build-golden}
for compiler in gcc clang; do
    if ! command -v "$compiler" > /dev/null; then
        echo "SKIPPED: $compiler is not installed"
        continue
    fi
    for level in -O0 -O3; do
        folder=$root/$compiler$level
        cmake -S . -B "$folder" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=None \
            -DCMAKE_C_FLAGS="$level" > /dev/null
        cmake --build "$folder" --target test_golden test_transform > /dev/null
        "$folder"/tests/test_golden 2>&1 | grep -E 'FAILED|SKIPPED|error' && exit 1
        "$folder"/tests/test_transform 2>&1 | grep -E 'FAILED|error' && exit 1
        echo "$compiler $level: the specified bits"
    done
done
