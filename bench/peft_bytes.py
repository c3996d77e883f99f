"""PEFT's LoRA (r = 8) and Uni-LoRA on a classification task: score and bytes as PEFT saves them, the
peers of a coded adapter.

    python bench/peft_bytes.py MODEL TRAIN TEST --columns 0 --label 1 --epochs 1 --method lora

Trains the adapter and the classifier that PEFT trains and saves beside it, keeps the rest; AdamW, linear
decay, no warm-up, gradients clipped at 1. Prints one JSON line a seed and rate: accuracy on TEST after the
last epoch, the numbers trained, the bytes of adapter_model.safetensors (classifier included) and of the
configuration beside it, without which it cannot be read.

SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import tempfile
import time

import torch
from peft import LoraConfig, TaskType, UniLoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from torch_full import epochs, read, score


def config_of(method):
    if method == "lora":
        return LoraConfig(task_type=TaskType.SEQ_CLS, r=8, lora_alpha=16, lora_dropout=0.0)
    return UniLoraConfig(task_type=TaskType.SEQ_CLS)


def saved_bytes(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        sizes = {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)}
    return sizes["adapter_model.safetensors"], sizes["adapter_config.json"]


def train(a, seed, rate, train_rows, batches, batch):
    texts, labels = train_rows
    torch.manual_seed(seed)
    base = AutoModelForSequenceClassification.from_pretrained(a.model, num_labels=len(set(labels)))
    model = get_peft_model(base, config_of(a.method))
    began = time.time()
    *_, steps = epochs(model, batch, texts, labels, a, rate)
    weights, config = saved_bytes(model)
    return {"method": a.method, "seed": seed, "rate": rate, "steps": steps, **score(model, batches),
            "trained": sum(p.numel() for p in model.parameters() if p.requires_grad), "bytes": weights, "config_bytes": config,
            "seconds": round(time.time() - began, 1)}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("train")
    p.add_argument("test")
    p.add_argument("--method", choices=["lora", "unilora"], default="lora")
    p.add_argument("--columns", default="0")
    p.add_argument("--label", type=int, default=1)
    p.add_argument("--seeds", default="42")
    p.add_argument("--rates", default="1e-3")
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--length", type=int, default=128)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    columns = [int(c) for c in a.columns.split(",")]
    tokenizer = AutoTokenizer.from_pretrained(a.model)

    def batch(texts, labels, indices):
        parts = [[texts[i][c] for i in indices] for c in range(len(columns))]
        inputs = tokenizer(*parts, truncation=True, max_length=a.length, padding="longest",
                           return_tensors="pt")
        return inputs, torch.tensor([labels[i] for i in indices])

    train_rows = read(a.train, columns, a.label, True)
    texts, labels = read(a.test, columns, a.label, True)
    batches = [batch(texts, labels, range(i, min(i + 64, len(texts))))
               for i in range(0, len(texts), 64)]
    for seed in map(int, a.seeds.split(",")):
        for rate in map(float, a.rates.split(",")):
            print(json.dumps(train(a, seed, rate, train_rows, batches, batch)), flush=True)


if __name__ == "__main__":
    main()
