"""Writes SentencePiece's character maps: replacements for beginnings of a text, as a double-array trie
(one 32-bit unit a node: label in the low byte, 256 "has a value", 512 "offset in units of 256", offset
from bit 10 on; children at unit ^ offset ^ byte, the value at unit ^ offset) and the replacements,
each with a zero byte. Here every inner node has 256 units of its own: simple, not small.

SPDX-License-Identifier: MIT
"""
import struct

BLOCK, HAS_VALUE, WIDE, VALUE, LIMIT = 256, 1 << 8, 1 << 9, 1 << 31, 1 << 21


class Writer:
    def __init__(self, table):
        self.units, self.texts, self.place, self.shared = [], b"", {}, {}
        for text in sorted(set(table.values())):
            self.place[text] = len(self.texts)
            self.texts += text + b"\0"
        root = {}
        for key, text in table.items():
            node = root
            for byte in key:
                node = node.setdefault(byte, {})
            node[None] = text
        self.block()  # of the root, which is unit 0
        stack = [(0, root, 0)]
        while stack:
            at, node, label = stack.pop()
            target = self.children(at, node, stack)
            has_value = HAS_VALUE if None in node else 0
            self.units[at] = self.offset(at ^ target) | has_value | label

    def block(self):
        self.units.extend([0] * BLOCK)
        return len(self.units) - BLOCK

    def children(self, at, node, stack):
        inner = [byte for byte in node if byte is not None]
        if not inner:
            target = self.leaf(node[None])
            if at ^ target < LIMIT:
                return target
        target = self.block() | at % BLOCK  # a wide offset has no low byte
        stack.extend((target ^ byte, node[byte], byte) for byte in inner)
        if None in node:
            self.units[target] = self.place[node[None]] | VALUE
        return target

    def leaf(self, text):
        """nodes without children may share the unit of their value"""
        if text not in self.shared:
            if len(self.shared) % BLOCK == 0:
                self.leaves = self.block()
            self.shared[text] = self.leaves + len(self.shared) % BLOCK
            self.units[self.shared[text]] = self.place[text] | VALUE
        return self.shared[text]

    @staticmethod
    def offset(distance):
        if distance < LIMIT:
            return distance << 10
        assert distance % BLOCK == 0
        return distance // BLOCK << 10 | WIDE


def write(table):
    """table: what a text begins with to what is put there, both bytes; no zero bytes in either"""
    w = Writer(table)
    trie = struct.pack(f"<{len(w.units)}I", *w.units)
    return struct.pack("<I", len(trie)) + trie + w.texts
