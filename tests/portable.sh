#!/bin/sh
# Projections and decoder on another processor, under an emulator.
#
#     tests/portable.sh SOURCE_FOLDER MACHINE        aarch64, s390x (high bytes first)
#
# Exit 77 (skipped) where the cross compiler or the emulator is absent; on Debian:
# gcc-aarch64-linux-gnu, gcc-s390x-linux-gnu, qemu-user.
#
# SPDX-License-Identifier: MIT
set -eu
source=$1 machine=$2
compiler=$machine-linux-gnu-gcc emulator=qemu-$machine
for program in "$compiler" "$emulator"; do
    if ! command -v "$program" > /dev/null; then
        echo "SKIPPED: $program is absent"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source"
# Random123 is headers alone: those of this machine serve, after the compiler's own
"$compiler" -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -ffp-contract=off -static -Isrc -Iinclude -Itests \
    -idirafter /usr/include -o "$work/portable" tests/portable/portable.c src/base/random.c \
    src/format/range_coder.c src/kernel/transform.c src/subspace/coding.c src/subspace/dense.c \
    src/subspace/fastfood.c src/subspace/fastfood_tensor.c src/subspace/onehot.c \
    src/subspace/projection.c src/subspace/sparse.c src/subspace/srht.c -lm
echo "$machine: $("$emulator" "$work/portable")"
