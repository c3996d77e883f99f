#!/bin/sh
# Makes the environment of make bench's peers, where it is not there yet, and prints its python.
#
#     tools/make-peers.sh FOLDER
#
# IDIM_PEERS=PYTHON names an interpreter that has the packages of bench/peers.txt; then nothing is
# made. The packages are large (PyTorch's usual build for Linux brings CUDA along, some gigabytes);
# pip's own settings, PIP_INDEX_URL and PIP_EXTRA_INDEX_URL, say where from: PyTorch's own index has
# a build for the CPU alone.
#
# SPDX-License-Identifier: MIT
set -eu
if [ -n "${IDIM_PEERS:-}" ]; then
    "$IDIM_PEERS" -c "import torch, transformers, peft, tokenizers" || {
        echo "IDIM_PEERS=$IDIM_PEERS: expected the packages of bench/peers.txt" >&2
        exit 3
    }
    echo "$IDIM_PEERS"
    exit 0
fi
folder=$1 list=$(dirname "$0")/../bench/peers.txt
if ! cmp -s "$list" "$folder/installed.txt"; then
    echo "installing the peers into $folder" >&2
    "${PYTHON:-python3}" -m venv "$folder" >&2
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list" >&2
    cp "$list" "$folder/installed.txt"
fi
echo "$folder/bin/python"
