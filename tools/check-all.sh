#!/bin/sh
# Everything that `make test` leaves out: the layers, the layout of the sources, the sources through
# a compiler for aarch64 where there is one, a clang build with the suite, the suite under ASan and
# UBSan (gcc), the fuzz corpora through libFuzzer itself under the sanitizers (clang), the build with
# real = double, the one on OpenBLAS, races by ThreadSanitizer, and the projections' bits at -O0 and -O3.
#
#     tools/check-all.sh       about 20 minutes on two cores; JOBS=n for more
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc 2> /dev/null || echo 2)}

# threads that wait sleep soon (libgomp, libomp)
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}" KMP_BLOCKTIME="${KMP_BLOCKTIME:-0}"

step() { printf '\n== %s\n' "$*"; }

# FOLDER TARGET OPTION...
build() {
    folder=$1 target=$2
    shift 2
    cmake -S . -B "$folder" "$@" > /dev/null
    cmake --build "$folder" --target "$target" -j "$jobs" > "$folder/build.log" 2>&1 || {
        tail -n 60 "$folder/build.log"
        exit 1
    }
}

suite() {
    ctest --test-dir "$1" --output-on-failure -LE long -j "$jobs" | tee "$1/suite.log" |
        grep -v -e 'Passed' -e '^ *Start ' || true
    grep -q '^100% tests passed' "$1/suite.log"
}

step layers
tools/check-layers.sh

step format
tools/check-format.sh

step "other processors"
tools/check-cross.sh

step "clang"
build build-clang all -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang
suite build-clang

step "ASan and UBSan (gcc)"
build build-asan all --preset asan
suite build-asan

step "fuzzers (clang, libFuzzer, ASan, UBSan): corpora replayed"
build build-fuzz fuzzers -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang -DIDIM_FUZZERS=ON \
    -DIDIM_SANITIZE=ON
ls build-fuzz/fuzz/fuzz_* > /dev/null
for fuzzer in build-fuzz/fuzz/fuzz_*; do
    [ -x "$fuzzer" ] && [ -f "$fuzzer" ] || continue
    name=$(basename "$fuzzer")
    "$fuzzer" -runs=0 "fuzz/corpus/${name#fuzz_}" > build-fuzz/fuzz.log 2>&1 || {
        cat build-fuzz/fuzz.log
        exit 1
    }
    echo "$name: $(find "fuzz/corpus/${name#fuzz_}" -type f | wc -l) inputs"
done

step "real = double"
build build-double all --preset real-double

step "CBLAS (OpenBLAS): products for any number of threads, ours and its own"
build build-cblas test_kernels -DCMAKE_BUILD_TYPE=Release -DIDIM_GEMM=cblas -DBLA_VENDOR=OpenBLAS
build-cblas/tests/test_kernels > build-cblas/kernels.log 2>&1 || {
    cat build-cblas/kernels.log
    exit 1
}
if grep -q "SKIPPED: this build has no OpenBLAS" build-cblas/kernels.log; then
    echo "expected OpenBLAS behind CBLAS, found another"
    exit 1
fi

step "threads (clang, ThreadSanitizer)"
tools/check-threads.sh || [ $? -eq 77 ]

step "golden hashes of the projections: gcc and clang, -O0 and -O3"
CMAKE_BUILD_PARALLEL_LEVEL=$jobs tools/check-golden.sh

step "everything holds"
