"""A tiny random BERT folder for the tests of the commands: config.json, vocab.txt, model.safetensors.

    python tools/make_tiny_model.py tests/fixtures/tiny

The words are made of syllables, so that tests can write sentences of them; 32 wide, 2 layers.

SPDX-License-Identifier: MIT
"""
import itertools
import json
import os
import sys

import torch
from transformers import BertConfig, BertModel


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(1)
    words = ["".join(p) for p in itertools.product(["ba", "de", "ki", "lo", "mu", "na"], repeat=2)]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocabulary = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", ".", ","] + words
                  + letters + ["##" + c for c in letters])
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2,
                        num_attention_heads=4, intermediate_size=64, max_position_embeddings=64)
    model = BertModel(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "LayerNorm" not in name:
                value.copy_(torch.randn_like(value) * 0.1)
    model.save_pretrained(folder)
    with open(os.path.join(folder, "config.json")) as f:
        kept = json.load(f)
    for key in ("transformers_version", "dtype"):
        kept.pop(key, None)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(kept, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(os.path.join(folder, "vocab.txt"), "w") as f:
        f.write("\n".join(vocabulary) + "\n")


if __name__ == "__main__":
    main()
