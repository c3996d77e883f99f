#!/bin/sh
# A run that is killed again and again ends with the same bytes as one that never stopped.
#
#     tests/resume.sh IDIM TINY_MODEL KILLS SIGNAL METHOD [OPTION...]
#
# Kills the run with SIGNAL after a random time, KILLS times, starting the same command again after
# each, then lets it finish; compares adapter.idim, best.idim and log.jsonl with those of an
# undisturbed run, and the names in both folders. SIGNAL FILE kills in the middle of a file: it limits the size of files to a random
# one, and the system ends the process at the byte that would be beyond. Exit 1 when a byte differs.
#
# SPDX-License-Identifier: MIT
set -eu
idim=$1 model=$2 kills=$3 signal=$4 method=$5
shift 5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v seed=7 -v rows=600 -f "$(dirname "$0")/examples.awk" > "$work/all.csv"
head -n 401 "$work/all.csv" > "$work/train.csv"
{ head -n 1 "$work/all.csv"; tail -n 200 "$work/all.csv"; } > "$work/dev.csv"

run() {
    folder=$1
    shift
    "$idim" tune --model "$model" --train "$work/train.csv" --dev "$work/dev.csv" \
        --method "$method" --threads 1 --quiet --seed 5 --eval-steps 200 \
        --output-dir "$folder" "$@" > "$work/out" 2> "$work/err"
}

began=$(date +%s%N)
run "$work/whole" "$@" || { cat "$work/err"; exit 1; }
took=$((($(date +%s%N) - began) / 1000000))

random() { # below $1
    awk -v seed="$killed$$" -v n="$1" 'BEGIN { srand(seed); print int(rand() * n) }'
}

killed=0
largest=$(wc -c < "$work/whole/log.jsonl") # of all files, the checkpoint's too
while [ "$signal" = FILE ] && [ "$killed" -lt "$kills" ]; do
    # in blocks of 512 bytes
    (ulimit -f $((1 + $(random $((largest / 512))))) && run "$work/broken" "$@") && break || true
    killed=$((killed + 1))
done
while [ "$signal" != FILE ] && [ "$killed" -lt "$kills" ]; do
    run "$work/broken" "$@" &
    child=$!
    # the shell runs idim as its child: find it by its parent
    wait_ms=$(random $((14 * took / (kills + 1) / 10)))
    wait_ms=$((wait_ms + 3 * took / (kills + 1) / 10))
    sleep "$(awk -v ms="$wait_ms" 'BEGIN { printf "%.3f", ms / 1000 }')"
    pid=$(ps -o pid= --ppid "$child" | tr -d ' ' | head -n 1)
    [ -n "$pid" ] && kill -s "$signal" "$pid" 2> /dev/null || true
    wait "$child" && break || true
    killed=$((killed + 1))
done
run "$work/broken" "$@" || { cat "$work/err"; exit 1; }

for file in adapter.idim best.idim log.jsonl; do
    cmp "$work/whole/$file" "$work/broken/$file"
done
# nothing else is left: no checkpoint, no half-written file
[ "$(ls "$work/broken")" = "$(ls "$work/whole")" ] || { ls "$work/broken"; exit 1; }
echo "$method: $killed kills by $signal in a run of $took ms: same bytes"
