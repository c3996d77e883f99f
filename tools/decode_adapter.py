#!/usr/bin/env python3
"""Adapters read by a program written from docs/adapter.md and docs/projection.md alone: plain Python,
nothing but the standard library. It rebuilds the weights of a small BERT from its folder and an
adapter (coded or plain), and compares them bit by bit with a merged folder.

    tools/decode_adapter.py ADAPTER                      what the file says, and its numbers' bits
    tools/decode_adapter.py ADAPTER MODEL                SHA-256 of every weight tensor
    tools/decode_adapter.py ADAPTER MODEL MERGED         compares; exit 1 when a bit differs

One number at a time: for models of some ten thousand weights.

SPDX-License-Identifier: MIT
"""

import hashlib
import json
import math
import os
import struct
import sys
import zlib

from projection_reference import (
    HALF_NORMAL,
    INIT,
    MOMENT,
    PROJECTIONS,
    Words,
    bits_of,
    f32,
    size_for,
    tensor_key,
)

METHODS = ["said", "did", "full", "head", "bias"]
GROUPS = ["block", "module", "tensor", "none"]
PROBLEMS = ["classes", "regression", "multi-label", "causal-lm"]
NORMALIZES = ["balanced", "capped", "tensor", "global", "weight"]
NAMES = ["fastfood", "fastfood-tensor", "srht", "onehot", "dense", "sparse"]
POOLINGS = ["auto", "cls", "mean", "last"]
PULLS = ["exact", "public"]


class Wrong(Exception):
    pass


# ---- the coded file ------------------------------------------------------------------------------


class Fields:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Wrong("the file ends in the middle of a field")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def text(self):
        return self.take(self.number()).decode()


class RangeDecoder:
    def __init__(self, data):
        self.data, self.at, self.code, self.range = data, 0, 0, (1 << 32) - 1
        for _ in range(4):
            self.next_byte()

    def next_byte(self):
        byte = self.data[self.at] if self.at < len(self.data) else 0
        self.at += 1
        self.code = (self.code << 8 | byte) & 0xFFFFFFFF

    def choose(self, share):
        if self.code < share:
            bit, self.range = 0, share
        else:
            bit, self.code, self.range = 1, self.code - share, self.range - share
        while self.range < 1 << 24:
            self.next_byte()
            self.range <<= 8
        return bit

    def plain(self):
        return self.choose(self.range // 2)

    def bit(self, counts):
        bit = self.choose(self.range * counts[0] // (counts[0] + counts[1]))
        counts[bit] += 2
        if counts[0] + counts[1] > 1024:
            counts[0], counts[1] = (counts[0] + 1) // 2, (counts[1] + 1) // 2
        return bit

    def check_end(self):
        taken, held = self.at - 4, len(self.data)
        if not (held == taken or (held == taken + 1 and self.data[-1] != 0)):
            raise Wrong("the coded bytes do not end where the numbers do")


class Numbers:
    """one kind of number with its models"""

    def __init__(self):
        self.zero = [1, 1]
        self.longer = [[1, 1] for _ in range(30)]
        self.upper = [[[1, 1] for _ in range(3)] for _ in range(31)]

    def decode(self, coder):
        if not coder.bit(self.zero):
            return 0
        negative = coder.plain()
        b = 0
        while b < 30 and coder.bit(self.longer[b]):
            b += 1
        m, node = 1, 0
        for k in range(b):
            bit = coder.bit(self.upper[b][node]) if k < 2 else coder.plain()
            m, node = 2 * m + bit, 1 + bit
        return -m if negative else m


def value_of(q, code, origin):
    step = math.ldexp(16 + code // 16 % 16, code // 256 - 44)
    v = (32 * abs(q) - code % 16) * (step / 32) if q else 0.0
    return f32(origin + (-v if q < 0 else v))


def read_coded(data):
    if struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        raise Wrong("checksum")
    f = Fields(data[:-4])
    f.take(8)
    a = {"base": f.take(16).hex()}
    if f.number() != 1:
        raise Wrong("another version of the projection")
    settings = f.number()

    def word(words, shift, bits):
        return words[settings >> shift & (1 << bits) - 1]

    a["method"] = word(METHODS, 0, 3)
    a["groups"] = word(GROUPS, 3, 2)
    a["problem"] = word(PROBLEMS, 5, 2)
    a["normalize"] = word(NORMALIZES, 8, 3)
    a["projection"] = word(NAMES, 11, 3)
    a["pooling"] = word(POOLINGS, 14, 4)
    a["pull"] = word(PULLS, 18, 1)
    a["seed"] = f.number()
    sizes = [f.number() for _ in range(3)]
    a["z"], a["lambda"], a["direct"] = sizes
    units = f.number()
    a["initializer_range"] = (units - 1) / 1e4 if units else struct.unpack("<d", f.take(8))[0]
    a["max_seq_length"] = f.number()
    a["n_labels"] = f.number()
    a["task"] = f.text()
    a["labels"] = [f.text() for _ in range(a["n_labels"])] if settings >> 7 & 1 else []
    codes = [f.number() if n else None for n in sizes]

    coder = RangeDecoder(f.data[f.at :])
    x = []
    for n, code, origin in zip(sizes, codes, (0.0, 1.0, 0.0)):
        kind = Numbers()
        x += [value_of(kind.decode(coder), code, origin) for _ in range(n)]
    coder.check_end()
    return a, x


def read_plain(data):
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise Wrong("checksum")
    length = struct.unpack("<I", data[8:12])[0]
    a = json.loads(data[12 : 12 + length])
    a["seed"] = int(a["seed"])
    return a, list(struct.unpack(f"<{a['dim']}f", data[12 + length : -32]))


def read_adapter(path):
    with open(path, "rb") as f:
        data = f.read()
    if data[:8] == b"IDIMADP2":
        return read_coded(data)
    if data[:8] == b"IDIMADP1":
        return read_plain(data)
    raise Wrong("not an adapter")


# ---- the base ------------------------------------------------------------------------------------


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8 : 8 + n]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            if t["dtype"] != "F32":
                raise Wrong(f"{name}: F32 is all this program reads")
            out[name] = list(struct.unpack(f"<{(end - begin) // 4}f", data[8 + n + begin : 8 + n + end]))
    return out


LAYER = [
    (f"{module}.{kind}", rows, columns)
    for module, rows, columns in [
        ("attention.self.query", "hidden", "hidden"),
        ("attention.self.key", "hidden", "hidden"),
        ("attention.self.value", "hidden", "hidden"),
        ("attention.output.dense", "hidden", "hidden"),
        ("attention.output.LayerNorm", None, "hidden"),
        ("intermediate.dense", "inner", "hidden"),
        ("output.dense", "hidden", "inner"),
        ("output.LayerNorm", None, "hidden"),
    ]
    for kind in ("weight", "bias")
]


def tensors_of(config, a):
    """(name, rows, columns, block, module, is_bias) in the order of the model"""
    size = {"hidden": config["hidden_size"], "inner": config["intermediate_size"]}
    hidden = size["hidden"]
    out, module = [], -1

    def add(name, rows, columns, block):
        nonlocal module
        module += name.endswith(".weight")
        out.append((name, rows, columns, block, module, name.endswith(".bias")))

    for table, rows in (("word", "vocab_size"), ("position", "max_position_embeddings"),
                        ("token_type", "type_vocab_size")):
        add(f"embeddings.{table}_embeddings.weight", config[rows], hidden, 0)
    for kind in ("weight", "bias"):
        add(f"embeddings.LayerNorm.{kind}", 1, hidden, 0)
    layers = config["num_hidden_layers"]
    for i in range(layers):
        for name, rows, columns in LAYER:
            rows = size[rows] if rows else 1
            if name.endswith(".bias"):
                rows, columns = 1, rows if rows > 1 else size[columns]
            else:
                columns = size[columns]
            add(f"encoder.layer.{i}.{name}", rows, columns, 1 + i)
    if a["pooling"] in ("auto", "cls"):
        add("pooler.dense.weight", hidden, hidden, 1 + layers)
        add("pooler.dense.bias", 1, hidden, 1 + layers)
    add("classifier.weight", a["n_labels"], hidden, 1 + layers)
    add("classifier.bias", 1, a["n_labels"], 1 + layers)
    return out


def fresh(name, size, a):
    if name.endswith(".bias"):
        return [0.0] * size
    words, scale, out = Words(a["seed"], INIT, tensor_key(name)), f32(a["initializer_range"]), []
    for j in range(size):
        bits = words.sequential(j // 5) >> 6 * (j % 5) & 63
        value = f32(scale * HALF_NORMAL[bits & 31])
        out.append(-value if bits & 32 else value)
    return out


def theta0_of(folder, tensors, a):
    found = read_safetensors(os.path.join(folder, "model.safetensors"))
    theta0, digest = {}, hashlib.sha256()
    for name, rows, columns, *_ in tensors:
        values = found.get(name) or found.get("bert." + name)
        if values is not None and len(values) == rows * columns:
            digest.update(f"{name} {rows} {columns}\n".encode() + struct.pack(f"<{len(values)}f", *values))
        else:
            values = fresh(name, rows * columns, a)
        theta0[name] = values
    if not digest.hexdigest().startswith(a["base"]):
        raise Wrong(f"base: expected {a['base']}, found {digest.hexdigest()}")
    return theta0


# ---- the weights ---------------------------------------------------------------------------------


def variance_of(a, size, weights):
    len_z = a["z"]
    return {
        "fastfood": lambda: MOMENT * size_for(len_z),
        "fastfood-tensor": lambda: MOMENT * size_for(max(size, len_z)),
        "srht": lambda: 1.0,
        "onehot": lambda: 1 / len_z,
        "dense": lambda: MOMENT,
        "sparse": lambda: 1 / math.sqrt(weights),
    }[a["projection"]]()


def targets_of(a, tensors, theta0):
    """the root mean square each tensor's entries are to have"""
    total = float(sum(rows * columns for _, rows, columns, *_ in tensors))
    squares = {}
    for name, *_ in tensors:
        s = 0.0
        for v in theta0[name]:
            s += v * v
        squares[name] = s
    all_squares = 0.0
    for name, *_ in tensors:
        all_squares += squares[name]

    out, length = {}, 0.0
    for name, rows, columns, block, _, is_bias in tensors:
        n = float(rows * columns)
        capped = 1 / math.sqrt(n + 2000)
        held = (is_bias and "LayerNorm" not in name) or (block == 0 and rows > 1)
        out[name] = {
            "global": lambda: 1 / math.sqrt(total),
            "tensor": lambda: 1 / math.sqrt(n),
            "weight": lambda: math.sqrt(max(squares[name] / n, all_squares / total / 100)),
            "capped": lambda: capped,
            "balanced": lambda: (0.1 if held else 1.0) * capped,
        }[a["normalize"]]()
        length += n * out[name] * out[name]
    if a["normalize"] == "weight":
        out = {name: value / math.sqrt(length) for name, value in out.items()}
    return out


def group_key(a, tensor):
    name, _, _, block, module, _ = tensor
    return {"block": block, "module": module, "tensor": name, "none": 0}[a["groups"]]


def theta_of(a, x, tensors, theta0):
    z, lambdas, direct = x[: a["z"]], x[a["z"] : a["z"] + a["lambda"]], x[a["z"] + a["lambda"] :]
    if a["method"] in ("full", "head", "bias"):
        theta, at = {}, 0
        for name, rows, columns, _, _, is_bias in tensors:
            taken = (a["method"] == "full" or name.startswith("classifier.")
                     or (a["method"] == "bias" and is_bias))
            n = rows * columns if taken else 0
            theta[name] = direct[at : at + n] if taken else theta0[name]
            at += n
        return theta

    weights = sum(rows * columns for _, rows, columns, *_ in tensors)
    targets, groups, theta = targets_of(a, tensors, theta0), {}, {}
    for tensor in tensors:
        name, rows, columns, *_ = tensor
        size = rows * columns
        scale = f32(targets[name] / math.sqrt(variance_of(a, size, weights)))
        if a["method"] == "said":
            scale = f32(scale * lambdas[groups.setdefault(group_key(a, tensor), len(groups))])
        moved = PROJECTIONS[a["projection"]](a["seed"], name, size, z, weights)
        theta[name] = [f32(t + f32(scale * v)) for t, v in zip(theta0[name], moved)]
    return theta


def compare(theta, folder):
    merged = read_safetensors(os.path.join(folder, "model.safetensors"))
    worst = 0
    for name, values in theta.items():
        other = merged[name if name.startswith("classifier.") else "bert." + name]
        differ = sum(bits_of(v) != bits_of(w) for v, w in zip(values, other, strict=True))
        worst += differ
        if differ:
            print(f"{name}: {differ} of {len(values)} differ")
    print(f"{sum(map(len, theta.values()))} weights compared, {worst} differ")
    return worst == 0


def main(arguments):
    a, x = read_adapter(arguments[0])
    if len(arguments) == 1:
        print(json.dumps(a, ensure_ascii=False))
        print(" ".join(f"{bits_of(v):08x}" for v in x))
        return True
    with open(os.path.join(arguments[1], "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    tensors = tensors_of(config, a)
    theta = theta_of(a, x, tensors, theta0_of(arguments[1], tensors, a))
    if len(arguments) > 2:
        return compare(theta, arguments[2])
    for name, values in theta.items():
        print(hashlib.sha256(struct.pack(f"<{len(values)}f", *values)).hexdigest(), name)
    return True


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    try:
        sys.exit(0 if main(sys.argv[1:]) else 1)
    except Wrong as wrong:
        sys.exit(f"{sys.argv[1]}: {wrong}")
