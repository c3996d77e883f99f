#!/bin/sh
# Every source of the library and the command through compilers for other processors, warnings being
# errors: what is guarded for one processor is seen to be. tests/portable.sh runs the projections and
# the adapter's decoder there, under an emulator.
#
#     tools/check-cross.sh [MACHINE...]        without arguments: aarch64
#
# On Debian: gcc-aarch64-linux-gnu; a compiler that is absent is skipped, and said. The headers of
# jansson, libcrypto, utf8proc and Random123 are this machine's.
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes
    -Wmissing-prototypes -Werror"
headers="-idirafter /usr/include"
for folder in /usr/include/*-linux-gnu; do
    [ -d "$folder/openssl" ] && headers="$headers -idirafter $folder"
done

for machine in "${@:-aarch64}"; do
    compiler=$machine-linux-gnu-gcc
    if ! command -v "$compiler" > /dev/null; then
        echo "SKIPPED: $compiler is absent"
        continue
    fi
    n=0
    for source in src/*/*.c; do
        # shellcheck disable=SC2086
        "$compiler" -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -fopenmp -ffp-contract=off $warnings \
            -Isrc -Iinclude $headers -S -o /dev/null "$source"
        n=$((n + 1))
    done
    echo "$machine: $n sources, no warning"
done
