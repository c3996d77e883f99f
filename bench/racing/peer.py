"""A PyTorch contestant of bench/race.py: it stays resident and does steps when it is told to.

    python peer.py MODEL KIND THREADS PRODUCTS BATCHES...

KIND: full, said:D, said-short:D, lora:R, unilora:D, and -bf16 behind any for autocast. PRODUCTS:
stock, or onednn: nn.Linear through oneDNN, forward and backward, where PyTorch would call MKL (on
some CPUs, MKL's products take twice the time).

    step W K MODE    K steps on file W, its batches in turns; MODE: 128 (padded to 128), longest (of
                     its batch), sorted (longest, after all examples were sorted by length)
    state            numbers trained, weights, bytes held before the first step

A step is forward, backward, clipping of the gradient's norm at 1, and fused AdamW.

SPDX-License-Identifier: MIT
"""
import json
import sys
import time

import torch


class OneDnnLinear(torch.autograd.Function):
    """x W' + b with oneDNN's product where autograd's own takes the BLAS's."""

    @staticmethod
    def product(x, w, b=None):
        return torch.ops.mkldnn._linear_pointwise(x, w, b, "none", [], "")

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return OneDnnLinear.product(x, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        dx = dw = db = None
        dy2, x2 = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
        if ctx.needs_input_grad[0]:
            dx = OneDnnLinear.product(dy2, weight.t()).view(x.shape)
        if ctx.needs_input_grad[1]:
            dw = OneDnnLinear.product(dy2.t(), x2.t())
        if ctx.has_bias and ctx.needs_input_grad[2]:
            db = dy2.sum(0)
        return dx, dw, db


def use_onednn():
    torch.nn.Linear.forward = lambda self, x: OneDnnLinear.apply(x, self.weight, self.bias)


# ---- batches ---------------------------------------------------------------------------------------


def read_batches(path):
    """[[(label, segments begin, ids)]]"""
    batches = []
    for line in open(path):
        words = line.split()
        if words[0] == "batch":
            batches.append([])
        else:
            batches[-1].append((int(words[0]), int(words[2]), [int(w) for w in words[3:]]))
    return batches


def in_mode(batches, mode):
    if mode == "sorted":
        size = len(batches[0])
        rows = sorted((r for b in batches for r in b), key=lambda r: len(r[2]))
        batches = [rows[i:i + size] for i in range(0, len(rows), size)]
    return [padded(b, 128 if mode == "128" else max(len(r[2]) for r in b)) for b in batches]


def padded(rows, length):
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask, segments = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, (_, first, row) in enumerate(rows):
        ids[i, :len(row)] = torch.tensor(row)
        mask[i, :len(row)] = 1
        segments[i, first:len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments,
            "labels": torch.tensor([r[0] for r in rows])}


# ---- models ----------------------------------------------------------------------------------------


def open_model(path, kind):
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(
        path, num_labels=2, dtype=torch.float32, attn_implementation="sdpa")
    what, _, number = kind.removesuffix("-bf16").partition(":")
    if what in ("said", "said-short"):
        from said import Said
        model = Said(model, int(number), short=what == "said-short")
    elif what == "lora":
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=int(number), lora_alpha=16))
    elif what == "unilora":
        from peft import UniLoraConfig, get_peft_model
        model = get_peft_model(model, UniLoraConfig(task_type="SEQ_CLS", r=4, theta_d_length=int(number)))
    elif what != "full":
        raise SystemExit("peer: unknown kind " + kind)
    return model.train()


class Peer:
    def __init__(self, path, kind, files):
        self.model = open_model(path, kind)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=1e-4, weight_decay=0.0, fused=True)
        self.bf16 = kind.endswith("-bf16")
        self.batches = [read_batches(f) for f in files]
        self.made = {}

    def step(self, batch):
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()
        return loss.item()

    def steps(self, file, n, mode):
        if (file, mode) not in self.made:
            self.made[file, mode] = in_mode(self.batches[file], mode)
        batches, seconds, loss = self.made[file, mode], [], 0
        for i in range(n):
            began = time.perf_counter()
            loss = self.step(batches[i % len(batches)])
            seconds.append(time.perf_counter() - began)
        rows = [batches[i % len(batches)]["input_ids"].numel() for i in range(n)]
        return {"seconds": seconds, "tokens": rows, "loss": loss}

    def state(self):
        import peft
        import transformers
        held = sum(p.nbytes for p in self.model.parameters()) + 3 * sum(p.nbytes for p in self.trained)
        if hasattr(self.model, "bytes_held"):
            held += self.model.bytes_held()
        return {"trained": sum(p.numel() for p in self.trained), "state_bytes": held,
                "torch": torch.__version__, "transformers": transformers.__version__,
                "peft": peft.__version__, "capability": torch.backends.cpu.get_cpu_capability()}


def main():
    path, kind, threads, products, *files = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_flush_denormal(True)
    if products == "onednn" and not kind.endswith("-bf16"):
        use_onednn()
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing a library prints gets between
    peer = Peer(path, kind, files)
    for line in sys.stdin:
        words = line.split()
        answer = peer.state() if words[0] == "state" else peer.steps(int(words[1]), int(words[2]), words[3])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
