"""Five full-batch AdamW steps of the real MiniLM on the first 64 MRPC training pairs, in PyTorch.

    python tools/make_five_step_fixture.py MODEL MRPC/train.tsv > tests/fixtures/minilm/five_steps.h

Dropout off, rate 5e-5 constant, no decay, gradients clipped at 1. The classifier, which the model
lacks, is set by a formula that tests/test_minilm.c repeats: weight[k][j] = 0.02 sin(1 + 384 k + j),
bias 0. Prints a C header with the five losses (before each step) and the gradient norms.

SPDX-License-Identifier: MIT
"""
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main():
    torch.set_num_threads(1)
    folder, train = sys.argv[1:]
    rows = [line.rstrip("\r\n").split("\t")
            for line in open(train, encoding="utf-8-sig", newline="\n")][1:65]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    model.eval()
    with torch.no_grad():
        index = torch.arange(2 * 384, dtype=torch.float64)
        model.classifier.weight.copy_((0.02 * torch.sin(1 + index)).reshape(2, 384))
        model.classifier.bias.zero_()
    inputs = tokenizer([r[3] for r in rows], [r[4] for r in rows], truncation=True,
                       max_length=128, padding="longest", return_tensors="pt")
    labels = torch.tensor([int(r[0]) for r in rows])
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0)
    losses, norms = [], []
    for _ in range(5):
        optimiser.zero_grad()
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimiser.step()
        losses.append(float(loss))
    print("/* Made by tools/make_five_step_fixture.py with torch %s. SPDX-License-Identifier: MIT */"
          % torch.__version__.split("+")[0])
    print("static const double five_losses[5] = {%s};" % ", ".join("%.9g" % v for v in losses))
    print("static const double five_norms[5] = {%s};" % ", ".join("%.9g" % v for v in norms))


if __name__ == "__main__":
    main()
