#!/bin/sh
# Reviews for the demo: sentences rated by people, made into train.tsv and test.tsv.
#
#   tools/make-reviews.sh movieReviewSnippets_GroundTruth.txt FOLDER [TRAIN_ROWS]
#
# The input has lines "id TAB mean rating TAB text" (hutto_ICWSM_2014; its product reviews,
# editorials and tweets have the same form). Rows with |rating| >= 1 are kept, labelled positive or
# negative. Sorted by the SHA-256 of the text, the first TRAIN_ROWS (8000) become train.tsv and the
# rest test.tsv, so the split depends on nothing but the texts.
#
# SPDX-License-Identifier: MIT
set -eu
export LC_ALL=C

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    echo "usage: $0 GROUND_TRUTH.txt FOLDER [TRAIN_ROWS]" >&2
    exit 2
fi
input=$1 folder=$2 train_rows=${3:-8000}
[ -r "$input" ] || { echo "$input: cannot be read" >&2; exit 4; }

if command -v sha256sum > /dev/null; then sha256="sha256sum"; else sha256="shasum -a 256"; fi

mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# one file a text, so that one process hashes them all
mkdir "$work/text"
tr -d '\r' < "$input" | awk -F '\t' -v out="$work/text" '
    NF == 3 && ($2 >= 1 || $2 <= -1) {
        name = sprintf("%06d", NR)
        printf "%s", $3 > (out "/" name)
        close(out "/" name)
        print name "\t" $3 "\t" ($2 > 0 ? "positive" : "negative")
    }' > "$work/rows"
[ -s "$work/rows" ] || { echo "$input: expected lines 'id TAB rating TAB text', found none" >&2; exit 3; }

# both lists are in the order of the names; the command may have arguments
# shellcheck disable=SC2086
(cd "$work/text" && find . -type f | sort | xargs $sha256) | cut -c 1-64 > "$work/hashes"
paste "$work/hashes" "$work/rows" | sort -s -k 1,1 | cut -f 3,4 > "$work/sorted"

for part in train test; do printf 'sentence\tlabel\n' > "$work/$part.tsv"; done
awk -v n="$train_rows" -v train="$work/train.tsv" -v test="$work/test.tsv" \
    '{ print >> (NR <= n ? train : test) }' "$work/sorted"
mv "$work/train.tsv" "$work/test.tsv" "$folder/"
echo "$folder: $(($(wc -l < "$folder/train.tsv") - 1)) rows to train, $(($(wc -l < "$folder/test.tsv") - 1)) to test"
