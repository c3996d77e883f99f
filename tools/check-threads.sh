#!/bin/sh
# Races: the training step, the projections and the ledger under ThreadSanitizer. Built by clang,
# whose OpenMP tells the sanitizer of its barriers through libarcher (gcc's does not, and is all false
# alarms), and on the plain product, so that every thread is one that it sees. A program with a race
# goes first: a check that cannot fail is none.
#
#     tools/check-threads.sh      a few minutes; exit code 77: no clang with libarcher
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
archer=$(find /usr/lib/llvm-* /usr/lib/*-linux-gnu -name 'libarcher.so' 2> /dev/null | sort | tail -n 1)
if [ -z "$archer" ] || ! command -v clang > /dev/null; then
    echo "threads: no clang with libarcher here"
    exit 77
fi
export OMP_TOOL_LIBRARIES="$archer" TSAN_OPTIONS="ignore_noninstrumented_modules=1:exitcode=66"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/race.c" << 'C'
int main(void)
{
    int sum = 0;
#pragma omp parallel for num_threads(3)
    for (int i = 0; i < 1000; i++)
        sum += i;
    return sum == 1;
}
C
clang -fsanitize=thread -fopenmp "$work/race.c" -o "$work/race"
if "$work/race" > /dev/null 2>&1; then
    echo "threads: expected the race of three threads to be seen"
    exit 1
fi

tests="test_train test_ledger test_tune test_bert test_subspace test_golden"
cmake -S . -B build-tsan -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DIDIM_GEMM=plain \
    -DCMAKE_C_FLAGS="-fsanitize=thread -O1" > /dev/null
# shellcheck disable=SC2086
cmake --build build-tsan -j "${JOBS:-$(nproc)}" --target $tests > "$work/log" 2>&1 || {
    tail -n 40 "$work/log"
    exit 1
}
for name in $tests; do
    (cd build-tsan/tests && "./$name" > "$work/log" 2>&1) || {
        tail -n 60 "$work/log"
        exit 1
    }
    echo "threads: $name: no race"
done
