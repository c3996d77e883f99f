#!/usr/bin/env python3
"""The projections of docs/projection.md, written again from its text: plain Python, nothing but
the standard library, one number at a time. Slow; the truth the C code is tested against.

    tools/projection_reference.py            the test vectors of docs/projection.md
    tools/projection_reference.py --header   tests/fixtures/projection_golden.h

Floats are Python's doubles rounded to float32 after every operation; for +, - and * of two
float32 that equals one float32 operation.

SPDX-License-Identifier: MIT
"""

import hashlib
import math
import struct
import sys

INPUT_SIGN, PERMUTATION, GAUSS, OUTPUT_SIGN, ENTRY, INIT = 1, 2, 3, 4, 5, 6
MASK32 = 0xFFFFFFFF


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def bits_of(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


# ---- random words ------------------------------------------------------------------------------


def philox(seed, stream, key, position):
    """the four words of one call of Philox4x32-10"""
    c = [position & MASK32, stream, key & MASK32, key >> 32 & MASK32]
    k = [seed & MASK32, seed >> 32 & MASK32]
    for _ in range(10):
        p0 = 0xD2511F53 * c[0]
        p1 = 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 & MASK32, p0 >> 32 ^ c[3] ^ k[1], p0 & MASK32]
        k = [k[0] + 0x9E3779B9 & MASK32, k[1] + 0xBB67AE85 & MASK32]
    return c


class Words:
    """words of one (seed, stream, key), with the calls already made kept"""

    def __init__(self, seed, stream, key):
        self.name = (seed, stream, key)
        self.calls = {}

    def call(self, position):
        if position not in self.calls:
            self.calls[position] = philox(*self.name, position)
        return self.calls[position]

    def lane(self, j):
        """word j of the grouped order: 64 words of 16 calls, all first words before the second"""
        return self.call(16 * (j // 64) + j % 16)[j % 64 // 16]

    def byte(self, j):
        """byte j: sixteen bytes from sixteen words, four times"""
        return self.lane(16 * (j // 64) + j % 16) >> 8 * (j % 64 // 16) & 255

    def sequential(self, n):
        """word n of the plain order: four words of call 0, four of call 1, ..."""
        return self.call(n // 4)[n % 4]

    def bit(self, i):
        return self.sequential(i // 32) >> i % 32 & 1


def tensor_key(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def below(words, position, n):
    reject = (1 << 32) % n
    while True:
        call = words.call(position)
        position += 1
        for word in call:
            if (word * n & MASK32) >= reject:
                return word * n >> 32, position


def permutation(seed, n):
    words = Words(seed, PERMUTATION, 0)
    order = list(range(n))
    position = 0
    for i in range(n - 1, 0, -1):
        j, position = below(words, position, i + 1)
        order[i], order[j] = order[j], order[i]
    return order


# sqrt(2) erfinv((i + 1/2) / 32), rounded to the nearest float32
HALF_NORMAL = [
    float.fromhex(x)
    for x in """0x1.40de72p-6 0x1.e18cc0p-5 0x1.91b41ap-4 0x1.19a0a0p-3 0x1.6ad802p-3 0x1.bca292p-3
    0x1.07922cp-2 0x1.3141c2p-2 0x1.5b7480p-2 0x1.864082p-2 0x1.b1bdeep-2 0x1.de0768p-2 0x1.059d50p-1
    0x1.1cbc7ep-1 0x1.347442p-1 0x1.4cda70p-1 0x1.660876p-1 0x1.801c3ap-1 0x1.9b3970p-1 0x1.b78b46p-1
    0x1.d546eap-1 0x1.f4aefcp-1 0x1.0b0c6cp+0 0x1.1cfa4cp+0 0x1.306d14p+0 0x1.45cf94p+0 0x1.5dbf88p+0
    0x1.79352cp+0 0x1.99dbb4p+0 0x1.c2fcd4p+0 0x1.fcc812p+0 0x1.357292p+1""".split()
]
MOMENT = sum(x * x for x in HALF_NORMAL) / 32


def normal(byte):
    return -HALF_NORMAL[byte & 31] if byte & 128 else HALF_NORMAL[byte & 31]


# ---- transforms --------------------------------------------------------------------------------


def size_for(n):
    size = 64
    while size < n:
        size *= 2
    return size


def hadamard(x):
    h = len(x) // 2
    while h >= 1:
        for start in range(0, len(x), 2 * h):
            for j in range(start, start + h):
                a, b = x[j], x[j + h]
                x[j], x[j + h] = f32(a + b), f32(a - b)
        h //= 2
    return x


def padded(z, n):
    return list(z) + [0.0] * (n - len(z))


# ---- projections: the first `size` entries of P z for a tensor ----------------------------------


def fastfood(seed, name, size, z, weights):
    block = size_for(len(z))
    signs = Words(seed, INPUT_SIGN, 0)
    h = hadamard(padded([-v if signs.bit(i) else v for i, v in enumerate(z)], block))
    v = [h[j] for j in permutation(seed, block)]

    noise = Words(seed, GAUSS, tensor_key(name))
    out = []
    while len(out) < size:
        first = len(out)
        x = hadamard([f32(normal(noise.byte(first + j)) * v[j]) for j in range(block)])
        out += [-x[k] if noise.byte(first + k) & 64 else x[k] for k in range(block)]
        noise.calls.clear()
    return out[:size]


def srht(seed, name, size, z, weights):
    block = size_for(len(z))
    noise = Words(seed, OUTPUT_SIGN, tensor_key(name))
    v = padded(z, block)

    def bit(j, which):
        return noise.lane(16 * (j // 256) + j % 16) >> 2 * (j % 256 // 16) + which & 1

    out = []
    while len(out) < size:
        first = len(out)
        x = hadamard([-v[j] if bit(first + j, 0) else v[j] for j in range(block)])
        out += [-x[k] if bit(first + k, 1) else x[k] for k in range(block)]
    return out[:size]


def onehot(seed, name, size, z, weights):
    noise = Words(seed, ENTRY, tensor_key(name))
    out = []
    for j in range(size):
        word = noise.lane(j)
        value = z[(word & 0x7FFFFFFF) * len(z) >> 31]
        out.append(-value if word >> 31 else value)
    return out


def dense(seed, name, size, z, weights):
    row = (len(z) + 255) // 256 * 256
    noise = Words(seed, GAUSS, tensor_key(name))
    out = []
    for j in range(size):
        total = 0.0
        for i, value in enumerate(z):
            total += f32(normal(noise.byte(j * row + i)) * value)
        out.append(f32(total))
        noise.calls.clear()
    return out


def sparse(seed, name, size, z, weights):
    p = 1 / math.sqrt(weights)
    table, power = [], 1.0
    for _ in range(4096):
        power *= 1 - p
        table.append(int(power * 2147483648.0))

    out = [0.0] * size
    for tile in range((size + 255) // 256):
        rows = min(256, size - 256 * tile)
        call, words, at = 0, [], -1
        while True:
            at += 1
            while True:
                if not words:
                    words = philox(seed, ENTRY, tensor_key(name) + call & (1 << 64) - 1, tile)
                    call += 1
                word = words.pop(0)
                gap = sum(entry > word >> 1 for entry in table)
                at += gap
                if gap < 4096 or at >= rows * len(z):
                    break
            if at >= rows * len(z):
                break
            j, value = 256 * tile + at // len(z), z[at % len(z)]
            out[j] = f32(out[j] + (-value if word & 1 else value))
    return out


def fastfood_tensor(seed, name, size, z, weights):
    key = tensor_key(name)
    length, m = size_for(max(size, len(z))), size_for(len(z))
    signs = Words(seed, INPUT_SIGN, key)
    x = hadamard(padded([-v if signs.bit(i) else v for i, v in enumerate(z)], m))

    shift = (length.bit_length() - 1 + 1) // 2
    keys = [philox(seed, PERMUTATION, key, r) for r in range(4)]

    def place(j):
        for words in keys:
            j = (j + words[0]) * (words[1] | 1) & length - 1
            j ^= j >> shift
        return j

    noise = Words(seed, GAUSS, key)
    y = [f32(normal(noise.byte(j)) * x[place(j) % m]) for j in range(length)]
    return hadamard(y)[:size]


PROJECTIONS = {
    "fastfood": fastfood,
    "fastfood-tensor": fastfood_tensor,
    "srht": srht,
    "onehot": onehot,
    "dense": dense,
    "sparse": sparse,
}

# ---- a whole subspace: said, normalize capped ----------------------------------------------------

SAID_TENSORS = [("a.weight", 700, 0), ("a.bias", 20, 0), ("b.weight", 1024, 1), ("b.bias", 3, 1)]
SAID_SEED, SAID_LEN_Z = 2026, 100
SAID_LAMBDA = [0.75, 1.25]


def theta0(j):
    return (j * 29 % 127 - 63) / 1024


def said():
    """theta of a small model, tensor after tensor"""
    theta, z = [], test_z(SAID_LEN_Z)
    variance = MOMENT * size_for(SAID_LEN_Z)
    for name, size, group in SAID_TENSORS:
        s = f32(1 / math.sqrt(size + 2000) / math.sqrt(variance))
        scale = f32(s * SAID_LAMBDA[group])
        for value in fastfood(SAID_SEED, name, size, z, None):
            theta.append(f32(theta0(len(theta)) + f32(scale * value)))
    return theta


# ---- test vectors --------------------------------------------------------------------------------


def test_z(n):
    return [(i * 37 % 101 - 50) / 64 for i in range(n)]


QUERY, WORD = "encoder.layer.0.attention.self.query.weight", "embeddings.word_embeddings.weight"
CASES = [
    # projection, seed, tensor, entries, len z
    ("fastfood", 42, QUERY, 200, 1),
    ("fastfood", 42, QUERY, 1000, 64),
    ("fastfood", 0, "classifier.bias", 2, 100),
    ("fastfood", 0x0123456789ABCDEF, WORD, 3000, 1000),
    ("fastfood", 0xFFFFFFFFFFFFFFFF, "pooler.dense.bias", 384, 5000),
    ("fastfood", 42, WORD, 9000, 8192),
    ("fastfood", 7, "pooler.dense.bias", 300, 131072),
    ("fastfood-tensor", 42, QUERY, 1000, 50),
    ("fastfood-tensor", 0x0123456789ABCDEF, "classifier.bias", 2, 300),
    ("srht", 42, QUERY, 1500, 60),
    ("srht", 0x0123456789ABCDEF, WORD, 3000, 2000),
    ("onehot", 42, QUERY, 2500, 60),
    ("dense", 42, QUERY, 40, 300),
    ("sparse", 42, QUERY, 700, 300),
]
SPARSE_WEIGHTS = 90000


def digest(values):
    return hashlib.sha256(b"".join(struct.pack("<f", v) for v in values)).hexdigest()


def results():
    for case in CASES:
        projection, seed, name, size, len_z = case
        yield case, PROJECTIONS[projection](seed, name, size, test_z(len_z), SPARSE_WEIGHTS)


def print_vectors():
    for (projection, seed, name, size, len_z), out in results():
        print(f"{projection}, seed {seed}, tensor `{name}`, {size} entries, len z {len_z}:")
        print("    first:   " + " ".join(f"{bits_of(v):08x}" for v in out[:4]))
        print("    SHA-256: " + digest(out))
    theta = said()
    print("theta of the small said model:")
    print("    first:   " + " ".join(f"{bits_of(v):08x}" for v in theta[:4]))
    print("    SHA-256: " + digest(theta))


def print_header():
    print("/* Made by tools/projection_reference.py --header: what docs/projection.md gives.")
    print(" *")
    print(" * SPDX-License-Identifier: MIT */")
    print("#ifndef IDIM_TESTS_PROJECTION_GOLDEN_H")
    print("#define IDIM_TESTS_PROJECTION_GOLDEN_H")
    print()
    print("#include <stdint.h>")
    print()
    print("static const struct golden {")
    print("    const char *projection;")
    print("    uint64_t seed;")
    print("    const char *name;")
    print("    int64_t size, len_z;")
    print("    uint32_t first[2]; /* bits of the first two entries */")
    print("    const char *sha256; /* of all, as little-endian bytes */")
    print("} golden[] = {")
    for (projection, seed, name, size, len_z), out in results():
        print(f'    {{"{projection}", {seed:#x}u, "{name}", {size}, {len_z},')
        print(f"     {{{bits_of(out[0]):#010x}u, {bits_of(out[1]):#010x}u}},")
        print(f'     "{digest(out)}"}},')
    print("};")
    print()
    print(f"static const int64_t golden_sparse_weights = {SPARSE_WEIGHTS};")
    print(f'static const char golden_said[] = "{digest(said())}";')
    print()
    print("#endif")


if __name__ == "__main__":
    if sys.argv[1:] == ["--header"]:
        print_header()
    else:
        print_vectors()
