#!/bin/sh
# How d90 moves with one factor at a time: projection, normalisation, grouping of the learned
# scales, with and without them, the 1/L pull of the public code, and all of that code's choices.
# One study folder, so that its report shows every cell in one table with intervals; stopped, it
# goes on when it is called again, and several of it may work on one folder.
#
#     tools/factor_study.sh IDIM MODEL TRAIN DEV FOLDER [OPTION...]
#
# OPTIONs go to every `idim measure`, behind --preset quick: --text sentence --label label, say, or
# --max-steps 100 --budget 16 for a study of another size. With --dry-run nothing is done, and the
# plan of each factor is printed.
#
# SPDX-License-Identifier: MIT
set -eu
if [ $# -lt 5 ]; then
    sed -n 's/^#     //p' "$0" >&2
    exit 2
fi
idim=$1 model=$2 train=$3 dev=$4 folder=$5
shift 5

measure() {
    echo "factor: $1"
    shift
    "$idim" measure --model "$model" --train "$train" --dev "$dev" --output-dir "$folder" \
        --preset quick "$@"
}

# the defaults are the cell in which all factors meet: its runs are done once
measure projection "$@" --projection fastfood --projection srht --projection onehot \
    --projection fastfood-tensor
measure normalisation "$@" --normalize balanced --normalize capped --normalize tensor \
    --normalize weight --normalize global
measure grouping "$@" --groups block --groups module --groups tensor --groups none
measure "learned scales" "$@" --method said --method did
measure pull "$@" --projection fastfood-tensor --pull exact --pull public
measure "the public code" "$@" --projection fastfood-tensor --normalize tensor --groups tensor \
    --pull public
