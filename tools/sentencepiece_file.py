"""Reads and writes SentencePiece's model files, as far as tokenizers need them; used by
make_tokenizer_fixtures.py. The file is a protocol buffer:

    1 piece: 1 text, 2 score (float), 3 type (1 normal, 2 unknown, 3 control, 4 user defined, 5 unused,
             6 byte)
    2 trainer: 3 model type (1 Unigram, 2 BPE), 35 byte fallback, 40 id of the unknown piece, ...
    3 normaliser: 2 character map, 3 blank in front, 4 blanks together, 5 blanks escaped

SPDX-License-Identifier: MIT
"""
import struct

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 5:
            value, at = data[at:at + 4], at + 4
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        else:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    model = {"pieces": [], "charsmap": b"", "type": 1, "unk_id": 0, "byte_fallback": False,
             "prefix": True, "together": True}
    for key, value in fields(data):
        inner = dict(fields(value)) if key in (1, 2, 3) else {}
        if key == 1:
            score = struct.unpack("<f", inner[2])[0] if 2 in inner else 0.0
            model["pieces"].append((inner[1].decode(), score, inner.get(3, NORMAL)))
        elif key == 2:
            model["type"] = inner.get(3, 1)
            model["unk_id"] = inner.get(40, 0)
            model["byte_fallback"] = bool(inner.get(35, 0))
        elif key == 3:
            model["charsmap"] = inner.get(2, b"")
            model["prefix"] = bool(inner.get(3, 1))
            model["together"] = bool(inner.get(4, 1))
    return model


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def record(key, data):
    return number(key << 3 | 2) + number(len(data)) + data


def write(pieces, charsmap=b"", type=1, unk_id=0, byte_fallback=False):
    """pieces: (text, score, type) in order of id"""
    out = b""
    for text, score, kind in pieces:
        out += record(1, record(1, text.encode()) + number(2 << 3 | 5) + struct.pack("<f", score) +
                      number(3 << 3) + number(kind))
    out += record(2, number(3 << 3) + number(type) + number(35 << 3) + number(int(byte_fallback)) +
                  number(40 << 3) + number(unk_id))
    return out + record(3, record(2, charsmap) if charsmap else b"")
