"""SAID in PyTorch, from the paper's description: every forward pass makes every weight anew,

    theta_i = theta0_i + lambda_g(i) s_i (H G Pi H B [z, 0 ...])_i

one Fastfood transform a tensor, padded to a power of two, its signs, permutation and normals stored
(Aghajanyan, Gupta, Zettlemoyer, ACL 2021); autograd goes through it. Written for speed: the Hadamard
transform is a product with a small Hadamard matrix for each six bits of the index, which takes an
eighth of the time of butterflies, and its backward is itself.

SPDX-License-Identifier: MIT
"""
import math

import torch

BITS = 6  # of one product; measured: 6 beats 4 and 8


def hadamard_matrix(bits):
    h = torch.ones(1, 1)
    for _ in range(bits):
        h = torch.cat([torch.cat([h, h], 1), torch.cat([h, -h], 1)], 0)
    return h * 2.0 ** (-bits / 2)


MATRICES = {bits: hadamard_matrix(bits) for bits in range(1, BITS + 1)}


def hadamard(x):
    """Orthonormal, of a vector whose length is a power of two."""
    left, inner = x.numel().bit_length() - 1, 1
    while left > 0:
        bits = min(left, BITS)
        h = MATRICES[bits]
        x = x.view(-1, 1 << bits) @ h if inner == 1 else torch.matmul(h, x.view(-1, 1 << bits, inner))
        x, inner, left = x.reshape(-1), inner << bits, left - bits
    return x


class Hadamard(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return hadamard(x)

    @staticmethod
    def backward(ctx, dy):
        return hadamard(dy.contiguous())


class Fastfood(torch.nn.Module):
    """The projection of one tensor. With `short`, the first transform is made of the 2^k >= d numbers
    that are not zero alone, and read periodically: the same numbers, a third of the time; public code
    does not do so."""

    def __init__(self, shape, d, generator, short):
        super().__init__()
        self.shape, self.n, self.d = shape, math.prod(shape), d
        self.short = short
        size = 1 << max(self.n - 1, d - 1, 1).bit_length()
        self.first = 1 << (d - 1).bit_length() if short else size
        signs = torch.randint(0, 2, (self.first,), generator=generator) * 2 - 1
        order = torch.randperm(size, generator=generator) % self.first
        self.register_buffer("signs", signs.float(), persistent=False)
        self.register_buffer("order", order.int(), persistent=False)
        normals = torch.randn(size, generator=generator)
        # the tensor moves by |z| when lambda is 1
        normals *= size / self.n ** 0.5 / normals.norm() * (self.first / size) ** 0.5
        self.register_buffer("normals", normals, persistent=False)

    def forward(self, z):
        x = torch.nn.functional.pad(z, (0, self.first - self.d)) * self.signs
        x = Hadamard.apply(x).index_select(0, self.order) * self.normals
        return Hadamard.apply(x)[: self.n].view(self.shape)


def group_of(name, layers):
    parts = name.split(".")
    if "layer" in parts:
        return 1 + int(parts[parts.index("layer") + 1])
    return 0 if "embeddings" in parts else 1 + layers


class Said(torch.nn.Module):
    """Wraps a model: z and one lambda a layer are its only parameters, d numbers in all."""

    def __init__(self, model, d, seed=1, short=False):
        super().__init__()
        groups = model.config.num_hidden_layers + 2
        generator = torch.Generator().manual_seed(seed)
        self.z = torch.nn.Parameter(torch.zeros(d - groups))
        self.scale = torch.nn.Parameter(torch.ones(groups))
        self.made = []
        for name, module in list(model.named_modules()):
            for leaf, weight in list(module.named_parameters(recurse=False)):
                delattr(module, leaf)
                base = weight.detach().clone()
                fastfood = Fastfood(base.shape, d - groups, generator, short)
                group = group_of(name, model.config.num_hidden_layers)
                self.made.append((module, leaf, base, fastfood, group))
        self.model = model
        model.register_forward_pre_hook(self.make)

    def make(self, *unused):
        for module, leaf, base, fastfood, group in self.made:
            setattr(module, leaf, torch.addcmul(base, fastfood(self.z), self.scale[group]))

    def forward(self, **inputs):
        return self.model(**inputs)

    def bytes_held(self):
        return sum(b.nbytes for _, _, base, f, _ in self.made for b in (base, *f.buffers()))
