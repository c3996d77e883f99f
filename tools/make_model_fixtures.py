"""Small random BERT models with PyTorch's logits, loss and gradients, for tests/test_models.c.

    python tools/make_model_fixtures.py tests/fixtures/bert

Each folder holds config.json, model.safetensors (as `transformers` would save it) and
expected.safetensors: a packed batch (ids, segment, start, label as F32), logits, loss and, for every
tensor, grad.NAME without the "bert." prefix, computed in float64 and stored as F64: some gradients
(key bias) are zero in exact arithmetic, and PyTorch's own float32 noise there is above the tolerance;
how far its float32 is away is printed. The models with a "form" are the files that users have too,
shards and 16-bit types (the weights are rounded first). Where the folder lacks its classifier or
pooler, the test fills it by the formula of `filled`.

SPDX-License-Identifier: MIT
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

KEPT = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size",
        "layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "classifier_dropout", "position_embedding_type", "model_type", "initializer_range",
        "pad_token_id")


def spec(hidden, heads, inner, layers, act, labels, lengths, **more):
    return dict(hidden_size=hidden, num_attention_heads=heads, intermediate_size=inner,
                num_hidden_layers=layers, hidden_act=act, num_labels=labels, lengths=lengths, **more)


MODELS = {
    "pairs": spec(16, 4, 32, 2, "gelu", 2, [12, 5, 20], pairs=True),
    "odd": spec(21, 3, 37, 1, "gelu_new", 3, [9, 1, 17, 4], layer_norm_eps=1e-5, pad_token_id=11),
    "wide-heads": spec(34, 2, 19, 1, "relu", 5, [7, 7, 7, 7, 7], type_vocab_size=3, pairs=True,
                       pad_token_id=None),
    "regression": spec(13, 1, 19, 3, "silu", 1, [6, 11, 3], problem="regression"),
    "multi-label": spec(18, 6, 25, 2, "tanh", 4, [8, 13, 2], problem="multi_label_classification",
                        pairs=True),
    "old-names": spec(14, 2, 28, 4, "gelu", 2, [10, 3], pairs=True, old_names=True),
    "bare": spec(18, 3, 31, 2, "gelu", 3, [5, 9, 14], bare=True),
    "no-pooler": spec(16, 2, 24, 1, "gelu_pytorch_tanh", 2, [5, 9], bare=True, pooler=False),
    "long": spec(25, 1, 18, 1, "gelu", 2, [1, 130, 64, 65], positions=130, pad_token_id=-1),
    "many-heads": spec(24, 12, 24, 1, "swish", 2, [70, 33, 16], positions=80, pairs=True),
    "mean": spec(15, 5, 25, 2, "gelu", 3, [4, 1, 12], mean=True, pairs=True),
    "shards": spec(14, 2, 19, 2, "relu", 3, [6, 1, 10], form="shards", pairs=True),
    "f16": spec(18, 3, 22, 1, "gelu_new", 2, [8, 5], form=torch.float16),
    "bf16": spec(15, 5, 26, 1, "gelu", 2, [9, 2, 3], form=torch.bfloat16, pairs=True),
}


def filled(rows, cols):
    index = torch.arange(rows * cols, dtype=torch.float64)
    return (0.3 * torch.sin(1 + index)).reshape(rows, cols).float()


def make_model(s):
    words = 60
    config = BertConfig(vocab_size=words, max_position_embeddings=s.get("positions", 40),
                        **{k: v for k, v in s.items()
                           if k in KEPT or k == "num_labels"},
                        problem_type=s.get("problem"))
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("LayerNorm.weight"):
                value.copy_(1 + 0.2 * torch.randn_like(value))
            else:
                value.copy_(torch.randn_like(value) * (0.2 if value.dim() == 2 else 0.1))
        if s.get("bare"):
            model.classifier.weight.copy_(filled(*model.classifier.weight.shape))
            model.classifier.bias.zero_()
        if not s.get("pooler", True):
            model.bert.pooler.dense.weight.copy_(filled(*model.bert.pooler.dense.weight.shape))
            model.bert.pooler.dense.bias.zero_()
    if isinstance(s.get("form"), torch.dtype):
        model.to(s["form"]).float()
    return model.eval()


def make_batch(s):
    lengths, labels = s["lengths"], s["num_labels"]
    ids = [torch.randint(0, 60, (n,)) for n in lengths]
    # the padding token in the text: PyTorch gives its embedding no gradient
    pad = s.get("pad_token_id", 0)
    ids[0][-1] = 7 if pad is None else pad % 60
    types = [torch.zeros(n, dtype=torch.long) for n in lengths]
    if s.get("pairs"):
        for t in types:
            t[len(t) // 2:] = 1
            if s.get("type_vocab_size", 2) > 2:
                t[-1] = 2
    if s.get("problem") == "regression":
        label = torch.randn(len(lengths))
    elif s.get("problem"):
        label = torch.randint(0, 2, (len(lengths), labels)).float()
    else:
        label = torch.randint(0, labels, (len(lengths),))
    return ids, types, label


def run(model, s, ids, types, label):
    longest = max(s["lengths"])
    pad = [torch.nn.functional.pad(x, (0, longest - len(x))) for x in ids]
    segment = [torch.nn.functional.pad(x, (0, longest - len(x))) for x in types]
    mask = torch.stack([(torch.arange(longest) < n).long() for n in s["lengths"]])
    inputs = dict(input_ids=torch.stack(pad), token_type_ids=torch.stack(segment),
                  attention_mask=mask)
    if not s.get("mean"):
        out = model(**inputs, labels=label)
        return out.logits, out.loss
    hidden = model.bert(**inputs).last_hidden_state
    share = mask.to(hidden.dtype) / mask.sum(1, keepdim=True)
    logits = model.classifier((hidden * share[:, :, None]).sum(1))
    return logits, torch.nn.functional.cross_entropy(logits, label)


def gradients(model, s, ids, types, label):
    model.zero_grad()
    logits, loss = run(model, s, ids, types, label)
    loss.backward()
    return logits, loss, {k: v.grad.clone() for k, v in model.named_parameters()
                          if v.grad is not None}


def distance(found, wanted):
    """In the form of the tests: relative to the tensor's largest entry, or 1e-3 of the model's."""
    top = max(float(v.abs().max()) for v in wanted.values())
    return max(float((found[k].double() - v).abs().max()) / max(float(v.abs().max()), 1e-3 * top)
               for k, v in wanted.items())


def saved_tensors(model, s):
    tensors = {k: v.clone().contiguous() for k, v in model.state_dict().items()
               if "position_ids" not in k}
    if s.get("bare"):
        tensors = {k[5:]: v for k, v in tensors.items() if k.startswith("bert.")}
        if not s.get("pooler", True):
            tensors = {k: v for k, v in tensors.items() if not k.startswith("pooler.")}
    if s.get("old_names"):
        tensors = {k.replace("LayerNorm.weight", "LayerNorm.gamma")
                   .replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in tensors.items()}
    if isinstance(s.get("form"), torch.dtype):
        tensors = {k: v.to(s["form"]) for k, v in tensors.items()}
    return tensors


def write_weights(tensors, s, folder):
    if s.get("form") != "shards":
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    names, n = sorted(tensors), 3
    shard = {k: "model-%05d-of-%05d.safetensors" % (i * n // len(names) + 1, n)
             for i, k in enumerate(names)}
    for file in sorted(set(shard.values())):
        save_file({k: v for k, v in tensors.items() if shard[k] == file},
                  os.path.join(folder, file), metadata={"format": "pt"})
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        size = sum(v.numel() * v.element_size() for v in tensors.values())
        json.dump({"metadata": {"total_size": size}, "weight_map": shard}, f, indent=1)
        f.write("\n")


def write_config(model, s, path):
    known = model.config.to_dict()
    config = {k: known[k] for k in KEPT if known.get(k) is not None}
    config["pad_token_id"] = known["pad_token_id"]
    if not s.get("bare"):
        config["id2label"] = {str(i): "LABEL_%d" % i for i in range(s["num_labels"])}
        config["problem_type"] = s.get("problem")
    with open(path, "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
        f.write("\n")


def main():
    torch.set_num_threads(1)
    for number, (name, s) in enumerate(MODELS.items()):
        torch.manual_seed(100 + number)
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        model = make_model(s)
        ids, types, label = make_batch(s)
        tensors = saved_tensors(model, s)
        single = gradients(model, s, ids, types, label)[2]
        model = model.double()
        label = label.double() if label.is_floating_point() else label
        logits, loss, exact = gradients(model, s, ids, types, label)
        print("%-12s float32 of PyTorch is within %.1e" % (name, distance(single, exact)))
        expected = {"grad." + k.removeprefix("bert."): v for k, v in exact.items()}
        expected.update(
            ids=torch.cat(ids).float(), segment=torch.cat(types).float(),
            start=torch.tensor([0] + s["lengths"]).cumsum(0).float(), label=label.float(),
            logits=logits.detach().contiguous(), loss=loss.detach())
        write_config(model, s, os.path.join(folder, "config.json"))
        write_weights(tensors, s, folder)
        save_file({k: v.contiguous() for k, v in expected.items()},
                  os.path.join(folder, "expected.safetensors"))


if __name__ == "__main__":
    main()
