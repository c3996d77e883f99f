#!/bin/sh
# The command from outside: what it refuses with which code and sentence, what goes to which
# stream.
#
#     tests/command.sh IDIM TINY_MODEL
#
# SPDX-License-Identifier: MIT
set -u
idim=$1 model=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 passed=0

# CODE FRAGMENT ARGUMENT...: the exit code, and a fragment of standard error
refuses() {
    code=$1 fragment=$2
    shift 2
    "$idim" "$@" > "$work/out" 2> "$work/err" < /dev/null
    found=$?
    if [ "$found" -ne "$code" ] || ! grep -qF -e "$fragment" "$work/err" || [ -s "$work/out" ]; then
        echo "FAILED: idim $*: expected $code \"$fragment\" and nothing on standard output," \
            "found $found:"
        cat "$work/err" "$work/out"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}

# FRAGMENT ARGUMENT...: exit 0, and a fragment of standard output
prints() {
    fragment=$1
    shift
    if ! "$idim" "$@" > "$work/out" 2> "$work/err" < /dev/null ||
        ! grep -qF -e "$fragment" "$work/out"; then
        echo "FAILED: idim $*: expected \"$fragment\", found:"
        cat "$work/out" "$work/err"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}

prints "idim 0." --version
prints "tokenize" --help
prints "tokenize" help
prints "--max-seq-length N" tune --help
prints "--max-seq-length N" help tune
prints "--max-seq-length N" tune --method full --help

refuses 2 "Commands:"
refuses 2 "tun: no such command: did you mean tune?" tun
refuses 2 "evl: no such command: did you mean eval?" help evl
refuses 2 "--leraning-rate: no such option: did you mean --learning-rate?" tune --leraning-rate 1
refuses 2 "--mehtod=full: no such option: did you mean --method?" tune --mehtod=full
refuses 2 "-x: no such option" tune -x
refuses 2 "extra: expected an option, found an argument too many" tune extra
refuses 2 "c: expected an option, found an argument too many" tokenize --model "$model" a b c
refuses 2 "--epochs: no such option: did you mean --num-train-epochs?" tune --epochs 3
refuses 2 "--lr: no such option (idim tune --help lists them)" tune --lr 3
refuses 2 "frobnicate: no such command (idim --help lists them)" frobnicate
refuses 2 "--logits: is an option of predict, not of tune" tune --logits
refuses 2 "--model: expected a value after it, found none" tune --model
refuses 2 "--model: expected a value after it, found none" tune --model --task mrpc
refuses 2 "--json=1: takes no value" tune --json=1
refuses 2 "--dim: expected a number, found \"ten\"" tune --dim ten
refuses 2 "--dim: expected a number, found \"nan\"" tune --dim nan
refuses 2 "--dim: expected a number, found \"0x10\"" tune --dim 0x10
refuses 2 "--dim: expected a number, found \"\"" tune --dim ""
refuses 2 "--dim: expected once, found twice" tune --dim 1 --dim 2
refuses 2 "--output_dir: expected once, found twice" tune --output-dir a --output_dir a
refuses 2 "--model: expected UTF-8, found other bytes" tune --model "$(printf 'a\377')"
refuses 2 "dim: expected a number from 1 to" tune --dim 0
refuses 2 "dim: expected a whole number, found 1.5" tune --dim 1.5
refuses 2 "method: expected one of said|did|full|head|bias, found \"sadi\": did you mean said?" \
    tune --method sadi
refuses 2 "model: is missing" tune
refuses 2 "test: is missing" predict --model "$model"
refuses 2 "absent.json" tune --config "$work/absent.json"
echo '{"learning_rate": 1,, }' > "$work/bad.json"
refuses 2 "bad.json: line 1" tune --config "$work/bad.json"
echo '[1]' > "$work/bad.json"
refuses 2 "expected a JSON object" tune --config "$work/bad.json"
echo '{"leraning-rate": 1}' > "$work/bad.json"
refuses 2 "leraning-rate: tune has no such setting: did you mean learning_rate?" \
    tune --config "$work/bad.json"
refuses 2 "expected a file of settings, found a folder" tune --config "$work"
echo '{"dim": 0}' > "$work/zero.json"
refuses 2 "dim: expected a number from 1 to" tune --config "$work/zero.json"
refuses 2 "model: is missing" tune --config "$work/zero.json" --dim 10
refuses 2 "found powershell" --completion powershell

# ---- the commands at work on a tiny model

cd "$work"
awk 'BEGIN {
    print "sentence,label"
    for (i = 0; i < 64; i++)
        print (i % 3 == 0 ? "good bade" : "bad kilo") " muna," (i % 3 == 0 ? "yes" : "no")
}' > all.csv
echo "{\"model\": \"$model\", \"train\": \"all.csv\", \"dev\": \"all.csv\", \"dim\": 50,
    \"max-steps\": 30, \"threads\": 1}" > settings.json

# TEXT CONDITION...: a fact about the last output
holds() {
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $what"
        failed=$((failed + 1))
    fi
}
one_object() { [ "$(wc -l < out)" -eq 1 ] && grep -q '^{"schema":"'"$1"'/1".*}$' out; }

prints "d" tune --config settings.json --output-dir dry --dry-run
holds "a dry run touches nothing" [ ! -e dry ]
prints "majority" tune --config settings.json --output-dir a
for file in adapter.idim best.idim record.json log.jsonl; do
    holds "tune writes $file" [ -s a/$file ]
done
holds "log.jsonl has a line a step" [ "$(wc -l < a/log.jsonl)" -eq 30 ]
prints "idim.run/1" tune --model "$model" --train all.csv --dev all.csv --dim 50 --max_steps=30 \
    --threads 2 --output_dir b --quiet --json
holds "tune --json is one object" one_object idim.run
holds "--quiet is quiet" [ ! -s err ]
holds "flags and --config say the same" cmp a/adapter.idim b/adapter.idim
prints "dev" eval --model "$model" --adapter a/adapter.idim --dev all.csv
prints "idim.run/1" eval --model "$model" --adapter a/adapter.idim --dev all.csv --json
holds "eval --json is one object" one_object idim.run

sed 's/muna,yes/muna,maybe/; 5,9s/maybe/yes/' all.csv > three.csv
prints "d" tune --model "$model" --train three.csv --dim 40 --max-steps 1 --output-dir three
holds "tune says what it makes anew" grep -q "classifier.weight: .* made anew" err
prints "test" eval --model "$model" --adapter three/adapter.idim --test three.csv
holds "with an adapter nothing of that is said" [ "$(grep -c "made anew" err)" -eq 0 ]

prints "no" predict --model "$model" --adapter a/adapter.idim --test all.csv
holds "predict: a line a row" [ "$(grep -c -E '^[0-9]+.(yes|no)$' out)" -eq 64 ]
holds "predict: no header, indices from 0" grep -q "^0	" out
prints "idim.predict/1" predict --model "$model" --adapter a/adapter.idim --test all.csv --json
holds "predict --json is one object" one_object idim.predict

prints "dim" gradients --model "$model" --train all.csv --dim 50 --output g.npy --dry-run
holds "a dry run writes no gradients" [ ! -e g.npy ]
prints "float32 64 x 50" gradients --model "$model" --train all.csv --dim 50 --output g.npy
holds "gradients: 64 rows of 50 behind 128 bytes" [ "$(wc -c < g.npy)" -eq $((128 + 64 * 50 * 4)) ]
prints "idim.gradients/1" gradients --model "$model" --adapter a/adapter.idim --test all.csv \
    --split test --of logits --output g.npy --json
holds "gradients --json is one object" one_object idim.gradients
refuses 2 "output: is missing" gradients --model "$model" --train all.csv --dim 50
refuses 2 "split: expected one of the splits" gradients --model "$model" --train all.csv --dim 50 \
    --split dev --output g.npy
refuses 4 "nowhere/g.npy" gradients --model "$model" --train all.csv --dim 50 --output nowhere/g.npy

awk 'BEGIN {
    for (i = 0; i < 48; i++)
        printf "{\"text\":\"%s\",\"label\":[%s]}\n", (i % 3 ? "good bade" : "bad kilo"),
            (i % 3 == 0 ? "" : i % 3 == 1 ? "\"a\"" : "\"a\",\"b\"")
}' > sets.jsonl
awk 'BEGIN { print "text,label"; for (i = 0; i < 8; i++) print "good bade," (i % 2 ? "a;b" : "") }' \
    > sets.csv
printf 'text\ngood\n' > text.csv
prints "f1_micro" tune --model "$model" --train sets.jsonl --dev sets.jsonl --dim 40 \
    --max-steps 40 --threads 1 --output-dir sets
prints "f1_micro" eval --model "$model" --adapter sets/adapter.idim --test sets.csv \
    --label-separator ';'
prints '"label":["a"' predict --model "$model" --adapter sets/adapter.idim --test sets.jsonl --json
prints "b                4" inspect --model "$model" --train sets.csv --label-separator ';'
prints "yes              22" inspect --model "$model" --train all.csv
prints "balance            -" inspect --model "$model" --test text.csv
refuses 2 "label_separator: expected one character" eval --model "$model" \
    --adapter sets/adapter.idim --test sets.csv --label-separator ab
refuses 3 "measure takes one label a row" measure --model "$model" --train sets.jsonl \
    --dev sets.jsonl --output-dir study

mkfifo pipe
"$idim" tokenize --model "$model" < pipe > out 2>&1 &
child=$!
exec 3> pipe
kill -s TERM "$child"
wait "$child"
holds "a signal ends a command that has nothing to save" [ $? -eq 143 ]
exec 3>&-

prints "5 " tokenize --model "$model" "good bad"
prints "[SEP]" tokenize --model "$model" "good" "bad"
holds "two arguments are a pair" [ "$(wc -l < out)" -eq 1 ]
printf 'good\n\nbad' | "$idim" tokenize --model "$model" > out
holds "a line of input is a text" [ "$(wc -l < out)" -eq 3 ]
prints "idim.tokenize/1" tokenize --model "$model" good --json
holds "tokenize --json is one object" one_object idim.tokenize
prints "parameters" inspect --model "$model"
prints "said" inspect --adapter a/adapter.idim
prints "lambda" inspect --adapter a/adapter.idim --json

printf 'sentence,label\ngood ba,yes\nbad de,no\ngood ki,yes\nbad lo,no\n' > few.csv
measure() { m_code=$1 m_text=$2; shift 2
    refuses "$m_code" "$m_text" measure --model "$model" --train few.csv --dev few.csv "$@"; }
measure 2 "output_dir: is missing"
measure 2 "dims: expected LOW:HIGH" --dims 100 --output-dir m
measure 2 "dims: expected LOW:HIGH" --dims 100:10 --output-dir m
measure 2 "trains at least" --dims 1:4 --output-dir m
measure 2 "method: measure searches the dimension of said or did, found full" --method full \
    --output-dir m
measure 2 "budget: expected a number of runs" --budget much --output-dir m
measure 2 "threshold: expected a number from 0.01 to 1" --threshold 90 --output-dir m
measure 2 "pull: public is a mode of projection fastfood-tensor" --pull public --output-dir m
measure 4 "nowhere" --method said --method did --output-dir few.csv/nowhere
refuses 2 "dev: is missing" measure --model "$model" --train few.csv --output-dir m
refuses 4 "measure.json" measure --status m
prints "cells" measure --model "$model" --train few.csv --dev few.csv --preset thorough \
    --method said --method did --output-dir dry --dry-run
holds "a dry run of measure touches nothing" [ ! -e dry ]
prints "idim.measure/1" measure --model "$model" --train all.csv --dev all.csv --preset quick \
    --dims 10:200 --linearised --output-dir study --json
holds "measure --json is one object" one_object idim.measure
holds "--linearised adds a curve" grep -q '"linearised":{"points":\[{' out
holds "measure leaves a report" [ -s study/report.html ]
prints "complete" measure --status study
# what a diverging run logs on its way is no damage
cp -r study vast
sed -i '1s/"loss":[0-9.e+-]*/"loss":7.7e+16/' vast/runs/*/log.jsonl
prints "page" report vast
# every subspace run of this study diverges: recorded, and the study goes on to its end
prints "unstable" measure --model "$model" --train all.csv --dev all.csv --preset quick \
    --dims 10:200 --max-steps 40 --optimizer sgd --lambda-learning-rate 1000000 \
    --max-grad-norm 0 --lr-scheduler-type constant --output-dir wild
holds "failed runs are records" [ "$(cat wild/runs/*/record.json | grep -c '"failure"')" -gt 0 ]
holds "failed runs leave no checkpoint" [ -z "$(ls wild/runs/*/checkpoint.idim 2> /dev/null)" ]
prints "idim.measure/1" measure --status study --json

prints "push" bench --model "$model" --train all.csv --dim 50
prints "idim.bench/1" bench --model "$model" --train all.csv --method full --json
holds "bench --json is one object" one_object idim.bench
refuses 2 "dim: is missing" bench --model "$model" --train all.csv
refuses 2 "--output-dir: is an option of" bench --output-dir x

refuses 4 "absent.csv" tune --model "$model" --train absent.csv --dim 50 --output-dir c
refuses 4 "all.csv" tune --model "$model" --train all.csv --dim 50 --output-dir all.csv/c
refuses 3 "all.csv" eval --model "$model" --adapter all.csv --dev all.csv
refuses 7 "a" tune --config settings.json --output-dir a --seed 7
mkdir other && cp "$model"/* other/
# the last byte of the last weight
size=$(wc -c < other/model.safetensors)
head -c $((size - 1)) "$model/model.safetensors" > other/model.safetensors
tail -c 1 "$model/model.safetensors" | tr '\000-\377' '\001-\377\000' >> other/model.safetensors
refuses 7 "adapter.idim" eval --model other --adapter a/adapter.idim --dev all.csv
head -c $((size - 1)) "$model/model.safetensors" > other/model.safetensors
refuses 3 "incomplete download" inspect --model other
refuses 4 "nowhere" inspect --model ./nowhere

refuses 2 "expected the folder of a study, found none" report
refuses 4 "nowhere: expected the folder of a study, found nothing" report nowhere
mkdir study
echo '{"schema":"idim.measure/1","cells":[{"model":1}]}' > study/measure.json
refuses 3 "measure.json: cells[0].model: expected a string, found 1" report study
echo '{"schema":"idim.measure/1","cells":[]}' > study/measure.json
prints "report.html" report study
prints "idim.report/1" report study --json
holds "report --json is one object" one_object idim.report
holds "a study without results has a page" grep -q "no results yet" study/report.html

# a full disk, or a reader that is gone, is not success
if [ -e /dev/full ]; then
    "$idim" --man > /dev/full 2> "$work/err"
    [ $? -eq 4 ] && passed=$((passed + 1)) || { echo "FAILED: /dev/full"; failed=$((failed + 1)); }
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
