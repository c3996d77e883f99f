#!/bin/sh
# The demo: a published model, real film reviews, and four ways to teach the one to judge the other.
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
batch=32

began=$(date +%s)
"$tools/fetch-demo.sh" "$folder"

# NAME OPTION...: trains, unless it is done already; the record stays in FOLDER/NAME
tune() {
    name=$1
    shift
    echo "training: $name"
    "$idim" tune --model "$folder/model" --train "$folder/reviews/train.tsv" \
        --test "$folder/reviews/test.tsv" --text sentence --label label \
        --per-device-train-batch-size "$batch" --num-train-epochs "$epochs" \
        --output-dir "$folder/$name" --json "$@" > "$folder/$name.json"
}

# NAME KEY: a number of the record
value() {
    sed 's/[[:space:]]//g' "$folder/$1.json" | tr -d '\n' | sed -n "s/.*$2\":\([-0-9.e+]*\).*/\1/p"
}
accuracy() { value "$1" "\"test\":{[^}]*\"accuracy" | awk '{ printf "%.1f %%", 100 * $1 }'; }

# LABEL NUMBERS ACCURACY SECONDS FILE
row() { printf '  %-44s %12s %14s %9s  %s\n' "$@"; }

# NAME LABEL
row_of() {
    trained=$(($(value "$1" '"z') + $(value "$1" '"lambda') + $(value "$1" '"direct')))
    bytes=$(value "$1" '"bytes')
    row "$2" "$trained" "$(accuracy "$1")" "$(value "$1" '"seconds' | awk '{ printf "%.0f s", $1 }')" \
        "$(awk -v b="$bytes" 'BEGIN { if (b < 1e6) printf "%.1f KB", b / 1e3; else printf "%.0f MB", b / 1e6 }')"
}

tune said --method said --dim "$dim"
tune head --method head
tune full --method full

rows=$(value said '"test":{[^}]*"n')
majority=$(value said '"majority":{.*"test":{[^}]*"accuracy' | awk '{ printf "%.1f %%", 100 * $1 }')
echo
echo "A model of $(value said '"parameters') weights that knows English learned to tell good film reviews from"
echo "bad ones, from $(($(wc -l < "$folder/reviews/train.tsv") - 1)) examples. How often it is right about $rows it has not seen:"
echo
row "what was trained" "numbers" "right" "time" "file to keep"
row "nothing: always the more frequent answer" 0 "$majority" "" ""
row_of head "only the classifier on top"
row_of said "$dim numbers that move all weights at once"
row_of full "every weight"
echo
echo "The third row is what idim is for: the small file, with the published model, is the trained model."
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
