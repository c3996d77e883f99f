#!/bin/sh
# Tuned, coded, merged; then read by the independent decoder, which must rebuild every weight to the
# bit, and by idim from the merged folder, which must give the same logits.
#
#     tests/decode.sh IDIM TINY_MODEL DECODER
#
# Exit 77 (skipped) without python3.
#
# SPDX-License-Identifier: MIT
set -eu
idim=$1 model=$2 decoder=$3
if ! command -v python3 > /dev/null; then
    echo "SKIPPED: python3 is absent"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

awk -v seed=3 -v rows=60 -f "$(dirname "$0")/examples.awk" > "$work/train.csv"

# NAME OPTION...
check() {
    name=$1
    shift
    "$idim" tune --model "$model" --train "$work/train.csv" --max-steps 8 --threads 1 --quiet \
        --output-dir "$work/$name" "$@" > "$work/out"
    adapter=$work/$name/adapter.idim
    "$idim" merge --model "$model" --adapter "$adapter" --output-dir "$work/$name/merged" --quiet \
        > "$work/out"
    if ! python3 "$decoder" "$adapter" "$model" "$work/$name/merged" > "$work/out"; then
        echo "FAILED: $name: $*"
        cat "$work/out"
        exit 1
    fi
    echo "$name: $(tail -n 1 "$work/out")"
    for from in "--model $model --adapter $adapter" "--model $work/$name/merged"; do
        # shellcheck disable=SC2086
        "$idim" predict $from --test "$work/train.csv" --logits --json --quiet --threads 1 \
            > "$work/logits" 2> "$work/err" || { cat "$work/err"; exit 1; }
        if [ -e "$work/before" ] && ! cmp "$work/before" "$work/logits"; then
            echo "FAILED: $name: the merged folder's logits differ"
            exit 1
        fi
        mv "$work/logits" "$work/before"
    done
    rm "$work/before"
}

check said --dim 50 --bits 3
check said_plain --dim 50
check did --method did --dim 33 --bits 2 --seed 9007199254740992
check srht --dim 70 --projection srht --groups module --normalize weight --bits 5
check tensor --dim 90 --projection fastfood-tensor --normalize tensor --groups tensor --bits 6
check onehot --dim 20 --projection onehot --normalize global --groups none --max-adapter-bytes 90
check head --method head --bits 4
check bias --method bias --bits 4
check full --method full --max-adapter-bytes 12000
