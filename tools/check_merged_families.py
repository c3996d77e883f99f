#!/usr/bin/env python3
"""Merges an adapter into a small random model of every family and compares transformers with idim.

    tools/check_merged_families.py IDIM tests/fixtures [FAMILY ...]

Each fixture folder gets a tokenizer of 40 words; a few steps of `idim tune` make an adapter of three
classes; the merged folder is opened with `transformers`, fed the tokens that `idim tokenize` gives, and its
logits are compared with those of base and adapter. Prints a row a fixture, and exits with 1 when a logit
differs by more than 1e-5 or a tensor of the class is not in the merged file. Needs torch, transformers and
tokenizers.

SPDX-License-Identifier: MIT
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForSequenceClassification

WORDS = 40
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[EOS]", "[PAD]"]
LIMIT = 1e-5


def write_tokenizer(folder, config):
    """Words w5 ... w39; the special ones stand where the configuration has them, or where there is room."""
    place = {}
    for name, key in (("[PAD]", "pad_token_id"), ("[EOS]", "eos_token_id")):
        at = getattr(config, key, None)
        if isinstance(at, int) and 0 <= at < 5 and at not in place.values():
            place[name] = at
    free = [i for i in range(5) if i not in place.values()]
    for name in SPECIAL:
        if name not in place:
            place[name] = free.pop(0)
    vocab = {**place, **{f"w{i}": i for i in range(5, WORDS)}}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if config.model_type in ("t5", "bart"):
        form, names = "$A [EOS]", ["[EOS]"]
    elif config.model_type in ("gpt2", "llama", "mistral", "qwen2", "qwen3", "opt"):
        form, names = "$A", []
    else:
        form, names = "[CLS] $A [SEP]", ["[CLS]", "[SEP]"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=form, special_tokens=[(n, vocab[n]) for n in names])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast"}, f)


def run(*command, given=None):
    done = subprocess.run(command, capture_output=True, text=True, input=given)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:2])}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def check(idim, fixture, folder):
    config = AutoConfig.from_pretrained(fixture)
    base, merged = os.path.join(folder, "base"), os.path.join(folder, "merged")
    shutil.copytree(fixture, base)
    write_tokenizer(base, config)
    draw = random.Random(1)
    texts = [" ".join(f"w{draw.randrange(5, WORDS)}" for _ in range(draw.randrange(1, 9)))
             for _ in range(48)]
    rows = os.path.join(folder, "rows.csv")
    with open(rows, "w") as f:
        f.write("sentence,label\n")
        f.writelines(f"{text},{'abc'[i % 3]}\n" for i, text in enumerate(texts))
    common = ["--max-seq-length", "12", "--threads", "1"]
    run(idim, "tune", "--model", base, "--train", rows, "--method", "said", "--groups", "none",
        "--dim", "80", "--max-steps", "12", "--learning-rate", "0.05", "--output-dir",
        os.path.join(folder, "run"), "--quiet", *common)
    adapter = os.path.join(folder, "run", "adapter.idim")
    run(idim, "merge", "--model", base, "--adapter", adapter, "--output-dir", merged)
    ours = json.loads(run(idim, "predict", "--model", base, "--adapter", adapter, "--test", rows,
                          "--logits", "--json", "--quiet", *common))["predictions"]
    tokens = json.loads(run(idim, "tokenize", "--model", base, "--json",
                            given="\n".join(texts) + "\n"))["results"]

    theirs, report = AutoModelForSequenceClassification.from_pretrained(
        merged, output_loading_info=True)
    theirs.eval()
    # XLNet's mask_emb serves pre-training alone: no classifier reads it
    missing = [key for key in sorted(report["missing_keys"]) + sorted(report["unexpected_keys"])
               if not key.endswith("mask_emb")]
    segments = getattr(config, "type_vocab_size", 0) > 1 or config.model_type == "xlnet"
    worst, largest = 0.0, 0.0
    for one, token in zip(ours, tokens, strict=True):
        inputs = {"input_ids": torch.tensor([token["ids"]])}
        if segments:
            inputs["token_type_ids"] = torch.tensor([token["segment"]])
        with torch.no_grad():
            logits = theirs(**inputs).logits[0]
        worst = max(worst, float((logits - torch.tensor(one["logits"])).abs().max()))
        largest = max(largest, float(logits.abs().max()))
    spread = max(o["logits"][0] for o in ours) - min(o["logits"][0] for o in ours)
    names = len(list(safe_open(os.path.join(merged, "model.safetensors"), "pt").keys()))
    return type(theirs).__name__, names, largest, spread, worst, missing


def main(idim, fixtures, families):
    good = True
    print("| fixture | class | tensors | largest logit | first logit, spread | differ by at most |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for family in families or sorted(os.listdir(fixtures)):
        path = os.path.join(fixtures, family)
        if not os.path.isdir(path):
            continue
        for name in sorted(os.listdir(path)):
            fixture = os.path.join(path, name)
            if not os.path.exists(os.path.join(fixture, "expected.safetensors")):
                continue
            try:
                with tempfile.TemporaryDirectory() as folder:
                    kind, n, largest, spread, worst, missing = check(idim, fixture, folder)
            except RuntimeError as error:
                print(f"| {family}/{name} | {error} | | | | |", flush=True)
                continue
            good = good and worst <= LIMIT and not missing
            print(f"| {family}/{name} | {kind} | {n} | {largest:.3g} | {spread:.2g} | {worst:.2g} |"
                  + (f" missing or unused: {', '.join(missing)}" if missing else ""), flush=True)
    return good


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1], sys.argv[2], sys.argv[3:]) else 1)
