#!/bin/sh
# The demo: a published model, real film reviews; how many numbers it takes to teach the one to judge
# the other, and four ways to do it.
#
#     tools/demo.sh BUILD [FOLDER]     everything it makes goes to FOLDER (demo)
#
# SPDX-License-Identifier: MIT
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
idim=$1/idim
folder=${2:-demo}

dim=2000
epochs=1
batch=16

# threads that wait sleep soon: 5 % slower on idle cores, five times faster on shared ones
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}"

began=$(date +%s)
"$tools/fetch-demo.sh" "$folder"

# NAME OPTION...: trains, or goes on; the record stays in FOLDER/NAME.json
tune() {
    name=$1
    shift
    echo "training: $name"
    for attempt in first again; do
        code=0
        "$idim" tune --model "$folder/model" --train "$folder/reviews/train.tsv" \
            --test "$folder/reviews/test.tsv" --text sentence --label label \
            --num-train-epochs "$epochs" --output-dir "$folder/$name" --json "$@" \
            > "$folder/$name.json" || code=$?
        # 7: the folder holds a run of other settings, of an earlier version say
        [ "$code" -eq 7 ] && [ "$attempt" = first ] || break
        rm -rf "${folder:?}/$name"
    done
    return "$code"
}

# NAME PATH: a value of the record
value() {
    awk -f "$tools/flatten.awk" "$folder/$1.json" | awk -v path="$2" '$1 == path { print $2 }'
}
percent() { awk -v x="$1" 'BEGIN { printf "%.1f %%", 100 * x }'; }

# LABEL NUMBERS ACCURACY SECONDS FILE
row() { printf '  %-44s %12s %14s %9s  %s\n' "$@"; }

# NAME LABEL
row_of() {
    trained=$(($(value "$1" trained.z) + $(value "$1" trained.lambda) + $(value "$1" trained.direct)))
    size=$(awk -v b="$(value "$1" adapter.bytes)" \
        'BEGIN { if (b < 1e6) printf "%.1f KB", b / 1e3; else printf "%.0f MB", b / 1e6 }')
    time=$(awk -v s="$(value "$1" seconds)" 'BEGIN { printf "%.0f s", s }')
    row "$2" "$trained" "$(percent "$(value "$1" eval.test.accuracy)")" "$time" "$size"
}

echo "measuring: how many numbers does it take? (quick: 600 training steps in all)"
"$idim" measure --model "$folder/model" --train "$folder/reviews/train.tsv" \
    --dev "$folder/reviews/test.tsv" --text sentence --label label --preset quick \
    --output-dir "$folder/study" > "$folder/study.txt"

tune said --method said --dim "$dim"
tune head --method head --per-device-train-batch-size "$batch"
tune full --method full --per-device-train-batch-size "$batch"

echo
echo "A model of $(value said model.parameters) weights that was taught English, and not to judge films, learned"
echo "from $(value said task.train.n) sentences of film reviews to tell good from bad. How often it is right about"
echo "$(value said eval.test.n) others:"
echo
row "what was trained" "numbers" "right" "time" "file to keep"
row "nothing: always the more frequent answer" 0 "$(percent "$(value said majority.test.accuracy)")" "" ""
row_of head "only the classifier on top"
row_of said "$dim numbers that move all weights at once"
row_of full "every weight"
echo
echo "How many numbers are enough? idim measure trained in subspaces of several dimensions, quickly:"
echo
sed 's/^/  /' "$folder/study.txt"
echo
echo "d90 is how many numbers reach 90 % of what all weights reach in the same few steps. The whole answer,"
echo "with figures, is a page to open in a browser: $folder/study/report.html"
echo
echo "The third row of the first table is what idim is for: the small file, with the published model, is the trained model."
echo
cat > "$folder/new.tsv" << 'END'
sentence
A warm, clever film that I would gladly see again tomorrow.
Two hours of noise, and not one person in it to care about.
The songs are lovely, but the story falls asleep long before the end.
END
echo "idim predict --model $folder/model --adapter $folder/said/adapter.idim --test $folder/new.tsv"
"$idim" predict --model "$folder/model" --adapter "$folder/said/adapter.idim" \
    --test "$folder/new.tsv" --text sentence --quiet > "$folder/predictions"
tail -n +2 "$folder/new.tsv" | paste "$folder/predictions" - | awk -F '\t' '{ printf "  %-9s %s\n", $2, $3 }'
echo
echo "($(($(date +%s) - began)) seconds; everything is in $folder/)"
