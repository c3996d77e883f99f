"""The time of one full fine-tuning step in PyTorch (forward, backward, AdamW), the peer of
bench_step: same model folder, same batch shape, dropout on.

    python bench/torch_step.py MODEL [sequences=32] [tokens=128] [threads=2] [rounds=5]

SPDX-License-Identifier: MIT
"""
import sys
import time

import torch
from transformers import AutoModelForSequenceClassification


def main():
    number = [32, 128, 2, 5]
    for i, text in enumerate(sys.argv[2:6]):
        number[i] = int(text)
    sequences, tokens, threads, rounds = number
    torch.set_num_threads(threads)
    model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], num_labels=2)
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0)
    ids = torch.randint(1, model.config.vocab_size, (sequences, tokens))
    inputs = dict(input_ids=ids, attention_mask=torch.ones_like(ids),
                  labels=torch.zeros(sequences, dtype=torch.long))
    parts = [[], [], []]
    for _ in range(rounds + 1):
        optimiser.zero_grad()
        clock = [time.perf_counter()]
        loss = model(**inputs).loss
        clock.append(time.perf_counter())
        loss.backward()
        clock.append(time.perf_counter())
        optimiser.step()
        clock.append(time.perf_counter())
        for i in range(3):
            parts[i].append(clock[i + 1] - clock[i])
    steps = [sum(p) for p in zip(*parts)][1:]
    best = min(range(rounds), key=steps.__getitem__)
    print("torch %s, %d threads, %d x %d tokens: step %.4f s (forward %.4f, backward %.4f, "
          "AdamW %.4f)" % (torch.__version__, threads, sequences, tokens, steps[best],
                           *[p[best + 1] for p in parts]))


if __name__ == "__main__":
    main()
