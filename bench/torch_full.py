"""Full fine-tuning in PyTorch, the peer that `idim tune --method full` is compared with.

    python bench/torch_full.py MODEL TRAIN DEV --columns 3,4 --label 0 --seeds 1,2,3

Same recipe as idim's defaults: AdamW 0.9/0.999, eps 1e-8, no weight decay, linear decay to 0, no
warm-up, gradients clipped at 1, dropout as config.json says, sequences padded to the longest of the
batch. Prints one JSON line a seed: accuracy and F1 on dev after every epoch.

SPDX-License-Identifier: MIT
"""
import argparse
import json
import time

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def read(path, columns, label, header):
    rows = [line.rstrip("\r\n").split("\t") for line in open(path, encoding="utf-8-sig", newline="\n")]
    rows = rows[1:] if header else rows
    names = sorted({r[label] for r in rows})
    return [[r[c] for c in columns] for r in rows], [names.index(r[label]) for r in rows]


def score(model, batches):
    model.eval()
    predicted, truth = [], []
    with torch.no_grad():
        for inputs, labels in batches:
            predicted += model(**inputs).logits.argmax(-1).tolist()
            truth += labels.tolist()
    hits = sum(p == t for p, t in zip(predicted, truth))
    true_positive = sum(p == t == 1 for p, t in zip(predicted, truth))
    f1 = 2 * true_positive / max(1, sum(predicted) + sum(truth))
    return {"accuracy": hits / len(truth), "f1": f1}


def epochs(model, batch, texts, labels, a, rate):
    """Trains what the model does not keep fixed, yielding after every epoch."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    steps = (len(texts) + a.batch - 1) // a.batch * a.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: 1 - s / steps)
    for _ in range(a.epochs):
        model.train()
        order = torch.randperm(len(texts)).tolist()
        for i in range(0, len(order), a.batch):
            inputs, truth = batch(texts, labels, order[i:i + a.batch])
            optimiser.zero_grad()
            model(**inputs, labels=truth).loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
        yield steps


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("train")
    p.add_argument("dev")
    p.add_argument("--columns", default="0")
    p.add_argument("--label", type=int, default=1)
    p.add_argument("--no-header", action="store_true")
    p.add_argument("--seeds", default="1,2,3")
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rate", type=float, default=5e-5)
    p.add_argument("--length", type=int, default=128)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    columns = [int(c) for c in a.columns.split(",")]
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    train_text, train_label = read(a.train, columns, a.label, not a.no_header)
    dev_text, dev_label = read(a.dev, columns, a.label, not a.no_header)

    def batch(texts, labels, indices):
        parts = [[texts[i][c] for i in indices] for c in range(len(columns))]
        inputs = tokenizer(*parts, truncation=True, max_length=a.length, padding="longest",
                           return_tensors="pt")
        return inputs, torch.tensor([labels[i] for i in indices])

    dev = [batch(dev_text, dev_label, range(i, min(i + 64, len(dev_text))))
           for i in range(0, len(dev_text), 64)]
    for seed in map(int, a.seeds.split(",")):
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_pretrained(
            a.model, num_labels=len(set(train_label)))
        began, scores = time.time(), []
        for steps in epochs(model, batch, train_text, train_label, a, a.rate):
            scores.append(score(model, dev))
        print(json.dumps({"seed": seed, "steps": steps, "epochs": scores,
                          "seconds": round(time.time() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
