#!/bin/sh
# A study that is killed again and again, and worked on by several processes at once, ends with the
# answer of one that was left alone: no run lost, none done twice.
#
#     tests/measure.sh IDIM TINY_MODEL KILLS WORKERS
#
# SPDX-License-Identifier: MIT
set -eu
idim=$1 model=$2 kills=$3 workers=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v seed=11 -v rows=500 -f "$(dirname "$0")/examples.awk" > "$work/all.csv"
head -n 301 "$work/all.csv" > "$work/train.csv"
{ head -n 1 "$work/all.csv"; tail -n 200 "$work/all.csv"; } > "$work/dev.csv"

# exec: the background child is idim itself, so that the kill is its
measure() {
    exec "$idim" measure --model "$model" --train "$work/train.csv" --dev "$work/dev.csv" \
        --method said --method did --dims 10:500 --max-steps 150 --threads 1 --quiet \
        --output-dir "$1"
}
# what must be equal: all but times
answer() { sed 's/"seconds": [0-9.]*/"seconds": 0/' "$1/measure.json"; }

began=$(date +%s%N)
(measure "$work/whole") > "$work/out" 2> "$work/err" || { cat "$work/err"; exit 1; }
took=$((($(date +%s%N) - began) / 1000000))

for kill in $(seq "$kills"); do
    pids=
    for worker in $(seq "$workers"); do
        (measure "$work/broken") > "$work/out.$worker" 2> "$work/err.$worker" &
        pids="$pids $!"
    done
    ms=$(awk -v seed="$kill$$" -v took="$took" -v kills="$kills" \
        'BEGIN { srand(seed); print int((0.1 + 1.4 * rand()) * took / (kills + 1)) }')
    sleep "$(awk -v ms="$ms" 'BEGIN { printf "%.3f", ms / 1000 }')"
    # shellcheck disable=SC2086
    kill -s KILL $pids 2> /dev/null || true
    # shellcheck disable=SC2086
    wait $pids 2> /dev/null || true
done
pids=
for worker in $(seq "$workers"); do
    (measure "$work/broken") > "$work/out.$worker" 2> "$work/err.$worker" &
    pids="$pids $!"
done
for pid in $pids; do
    wait "$pid" || { cat "$work"/err.*; exit 1; }
done

ls "$work/whole/runs" > "$work/names.whole"
ls "$work/broken/runs" > "$work/names.broken"
cmp "$work/names.whole" "$work/names.broken"
answer "$work/whole" > "$work/answer.whole"
answer "$work/broken" > "$work/answer.broken"
diff "$work/answer.whole" "$work/answer.broken"
[ -z "$(ls "$work/broken/pending")" ]
# the clocks of the killed are gone, too
[ -z "$(find "$work/broken/pending" -name '.clock-*' ! -name '*.tmp')" ]
# a record does not name the folder its run was done in, which is gone
if grep -l 'pending/' "$work"/broken/runs/*/record.json; then exit 1; fi
echo "$workers workers, $kills kills in a study of $took ms and $(wc -l < "$work/names.whole") runs:" \
    "same answer"
