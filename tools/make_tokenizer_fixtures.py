#!/usr/bin/env python3
"""Makes tests/fixtures/tokenizer/{sweeps,small}.json with the reference package.

    python3 tools/make_tokenizer_fixtures.py ../shared/data tests/fixtures/tokenizer

Needs: pip install tokenizers==0.23.3. Takes about five minutes.

sweeps.json  hashes of what the reference makes of much text: SHA-256 over, for each text, the number
             of tokens, their ids, and begin and end of each, all as little-endian int32; one hash
             for every `chunk` texts. The texts themselves stay in the data folder.
small.json   small tokenizers of every make with a few texts each, and their full encodings.

SPDX-License-Identifier: MIT
"""
import array
import hashlib
import json
import os
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.implementations import BertWordPieceTokenizer

VERSION = "0.23.3"
TOKENIZERS = [  # folder, lower case
    ("bert-base-uncased", True),
    ("bert-base-cased", False),
    ("bert-base-multilingual-cased", False),
    ("bert-base-chinese", False),
]
WITH_JSON = "all-MiniLM-L6-v2"
CHUNK, CODE_CHUNK = 4000, 0x4000
N_RANDOM, MAX_PIECES = 20000, 14

# what the random texts are put together from: bytes that hurt, in UTF-8 and not
POOL = [s.encode() for s in [
    "a", "b", "Z", "É", "é", " ", " ", ",", ".", "[", "]", "\t", "\n", "word", "##ing", "The",
    "[MASK]", "[SEP]", "[CLS]", "[mask]", "\u0301", "\u0344", "\u0f73", "\u0f74", "\u0f75",
    "\u0f81", "\u302e", "\U0001d165", "\U0001d15e", "\U0001d16d", "\u0323", "\u0307", "İ", "ß",
    "ﬁ", "\u1e9b", "\u1e69", "\u0334", "\u0338", "\u0345", "中", "国", "\u3000", "\u2028",
    "\ufffd", "\0", "가", "각", "\u1100", "\u1161", "한", "न", "ि", "\u093c", "\u0915\u093c",
    "\U0001f600", "\u200d", "ǅ", "Σ", "ς", "\u00ad", "\U000e0001", "\U0002b830", "\U0002b920",
    "\U0002f800", "\u1dfa", "\U00011f42", "\x7f", "\x85", "1", "23", "-", "'", "’", "unaffable",
]] + [b"\xff", b"\xc3", b"\xe4\xb8", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf",
      b"\xf4\x90\x80\x80", b"\x80", b"\xe0\x80\x80", b"\xf5", b"\xe4a"]


def texts_of_lines(data):
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line[:-1] if line.endswith(b"\r") else line for line in lines]


def texts_of_columns(data, columns):
    for line in texts_of_lines(data):
        cells = line.split(b"\t")
        if max(columns) < len(cells):
            yield tuple(cells[c] for c in columns)


def texts_of_json(value, path):
    """path: keys, "*" for every member or item"""
    if not path:
        yield value.encode()
        return
    inner = [value[path[0]]] if path[0] != "*" else (
        value.values() if isinstance(value, dict) else value)
    for item in inner:
        yield from texts_of_json(item, path[1:])


def random_texts():
    """A generator that is easy to write again: x <- 6364136223846793005 x + 1442695040888963407
    modulo 2^64, the top 31 bits; the number of pieces first, then the pieces."""
    x = 1

    def draw(n):
        nonlocal x
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        return (x >> 33) % n

    for _ in range(N_RANDOM):
        yield b"".join(POOL[draw(len(POOL))] for _ in range(draw(MAX_PIECES)))


def hash_encodings(encodings, digest):
    for e in encodings:
        numbers = array.array("i", [len(e.ids)])
        numbers.extend(e.ids)
        for pair in e.offsets:
            numbers.extend(pair)
        digest.update(numbers.tobytes())


def decode(text):
    if isinstance(text, tuple):
        return tuple(decode(t) for t in text) if len(text) > 1 else decode(text[0])
    return text.decode("utf-8", errors="replace")


def hashes_of(tokenizer, texts, chunk):
    out = []
    for i in range(0, len(texts), chunk):
        digest = hashlib.sha256()
        hash_encodings(tokenizer.encode_batch([decode(t) for t in texts[i:i + chunk]]), digest)
        out.append(digest.hexdigest())
    return out


def hashes_of_code_points(tokenizer):
    out = []
    for first in range(0, 0x110000, CODE_CHUNK):
        digest = hashlib.sha256()
        for code in range(first, first + CODE_CHUNK):
            if not 0xD800 <= code <= 0xDFFF:
                c = chr(code)
                hash_encodings(tokenizer.encode_batch([c, "a" + c + "b", "a" + c]), digest)
        out.append(digest.hexdigest())
    return out


def text_sets():
    """one dict for each set: how its texts are found, before anything is hashed"""
    yield {"kind": "random"}
    yield {"kind": "whole", "file": "parity/blns.txt"}
    yield {"kind": "whole", "file": "parity/udhr2_part.txt"}
    yield {"kind": "lines", "file": "parity/blns.txt"}
    yield {"kind": "lines", "file": "parity/udhr2_part.txt"}
    yield {"kind": "json", "file": "parity/blns.json", "path": ["*"]}
    yield {"kind": "json", "file": "parity/bert_uncased_squad/question_tokens.json",
           "path": ["*", "original"]}
    yield {"kind": "json", "file": "parity/hf_encoded/tokenizer_tests.json",
           "path": ["*", "*", "input"]}
    for name in ["bert_uncased", "distilbert_cased", "t5_base"]:
        yield {"kind": "json", "file": f"parity/hf_encoded/{name}_encoded.json", "path": ["text"]}
    for part in ["train", "dev", "test"]:
        for columns in [[3], [4], [3, 4]]:
            yield {"kind": "columns", "file": f"MRPC/{part}.tsv", "columns": columns}
    for part in ["train", "dev"]:
        yield {"kind": "columns", "file": f"SST-2/{part}.tsv", "columns": [0]}
        yield {"kind": "columns", "file": f"CoLA/{part}.tsv", "columns": [3]}
        for columns in [[1], [2], [1, 2]]:
            yield {"kind": "columns", "file": f"RTE/{part}.tsv", "columns": columns}
    for length in [3, 4, 5, 8, 16, 29, 64]:
        yield {"kind": "columns", "file": "MRPC/dev.tsv", "columns": [3, 4], "max_length": length}
        yield {"kind": "columns", "file": "RTE/dev.tsv", "columns": [1, 2], "max_length": length}
        yield {"kind": "columns", "file": "RTE/dev.tsv", "columns": [1], "max_length": length}


def texts_of(data_folder, how):
    if how["kind"] == "random":
        return list(random_texts())
    with open(os.path.join(data_folder, how["file"]), "rb") as f:
        data = f.read()
    if how["kind"] == "whole":
        return [data]
    if how["kind"] == "lines":
        return texts_of_lines(data)
    if how["kind"] == "columns":
        return list(texts_of_columns(data, how["columns"]))
    return list(texts_of_json(json.loads(data), how["path"]))


def make_sweeps(data_folder):
    made = []
    for name, lower in TOKENIZERS + [(WITH_JSON, True)]:
        folder = os.path.join(data_folder, "tokenizers", name)
        if name == WITH_JSON:
            tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
        else:
            tokenizer = BertWordPieceTokenizer.from_file(os.path.join(folder, "vocab.txt"),
                                                         lowercase=lower)
        sets = []
        for how in text_sets():
            texts = texts_of(data_folder, how)
            if how.get("max_length"):
                tokenizer.enable_truncation(how["max_length"])
            sets.append({**how, "texts": len(texts), "chunk": CHUNK,
                         "hashes": hashes_of(tokenizer, texts, CHUNK)})
            tokenizer.no_truncation()
        if name != WITH_JSON:
            sets.append({"kind": "code_points", "texts": 3 * 1112064, "chunk": CODE_CHUNK,
                         "hashes": hashes_of_code_points(tokenizer)})
        made.append({"tokenizer": name, "lower": lower, "sets": sets})
        print(name, sum(s["texts"] for s in sets), "texts", file=sys.stderr)
    return {"reference": f"tokenizers {VERSION}", "pool": [piece.hex() for piece in POOL],
            "max_pieces": MAX_PIECES, "tokenizers": made}


# ---- small tokenizers ------------------------------------------------------------------------

WORDS = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "hello", "world", "##a", "##b", "##c", "##lo",
         "he", "##l", "##o", "É", "é", "e", "i", "##̇", "中", ",", ".", "İ", "##", "-", "[", "]",
         "##\u302e", "##\u302f", "##\U0001d165"]

TEXTS = ["", " ", "a", "hello, world", "Hello World", "É é e\u0301", "İ", "中a中", "a\tb\nc",
         "a\u00adb", "hello[SEP]world", "hello <x> world", "hello<x>world", "  <X>  a",
         "<y>a <y> a<y> <y>", "abc", "abcabcabcabc", "\u0301", "a\0b\ufffdc", "a  <r>  <l>  b",
         "[sep] [SEP]", "NEW new New neW", "<r> \u3000 <r>a", "b-[a]", "xyz", "abca abcab",
         "a\u302f\u302ea\u302e\u0323\u302f\U0001d165\u302e", "<r>  <b>a <b>"]


def base(normalizer=None, pre=True, **model):
    given = {"unk_token": "[UNK]"}
    given.update(model)
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, **given))
    t.normalizer = normalizer if normalizer is not None else normalizers.BertNormalizer()
    if pre:
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return t


def small_tokenizers():
    bert = normalizers.BertNormalizer
    yield "lower", base()
    yield "cased", base(bert(lowercase=False))
    yield "cased, accents off", base(bert(lowercase=False, strip_accents=True))
    yield "lower, accents kept", base(bert(strip_accents=False))
    yield "no clean-up", base(bert(clean_text=False))
    yield "Chinese together", base(bert(handle_chinese_chars=False))
    yield "no pre-tokeniser", base(pre=False)
    t = base()
    t.normalizer = normalizers.Sequence([bert(lowercase=False, strip_accents=False), bert()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])
    yield "sequences of parts", t
    yield "words of at most 4", base(max_input_chars_per_word=4)
    yield "no prefix", base(continuing_subword_prefix="")
    t = base()
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    yield "BertProcessing", t
    t = base()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]:3 $A:2", pair="[SEP]:5 $B:4 two $A:1 [CLS]",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2),
                        {"id": "two", "ids": [7, 40], "tokens": ["x", "y"]}])
    yield "a strange template", t
    for normalized in [False, True]:
        t = base()
        t.add_tokens([
            AddedToken("<x>", normalized=normalized),
            AddedToken("<y>", single_word=True, normalized=normalized),
            AddedToken("<l>", lstrip=True, normalized=normalized),
            AddedToken("<r>", rstrip=True, normalized=normalized),
            AddedToken("New", normalized=normalized),
            AddedToken("hello, w", normalized=normalized),
            AddedToken("a b", lstrip=True, rstrip=True, normalized=normalized),
        ])
        t.add_special_tokens(["[SEP]", "[CLS]"])
        yield f"added tokens, normalized {normalized}", t
    t = base()
    t.add_tokens([AddedToken(" ", rstrip=True, normalized=False),
                  AddedToken("hello w", normalized=False), AddedToken("hel", normalized=False)])
    yield "blanks and overlaps", t
    t = base()
    t.add_tokens([AddedToken("<r>", rstrip=True, normalized=False),
                  AddedToken(" <b>", lstrip=True, normalized=False)])
    yield "blanks taken from both sides", t


def make_small():
    made = []
    for name, tokenizer in small_tokenizers():
        cases = []
        for i, text in enumerate(TEXTS):
            for pair in [None, TEXTS[(i + 3) % len(TEXTS)]]:
                e = tokenizer.encode(text, pair)
                cases.append({"text": text.encode().hex(),
                              "pair": None if pair is None else pair.encode().hex(),
                              "ids": e.ids, "segment": e.type_ids,
                              "offsets": [n for o in e.offsets for n in o]})
        made.append({"name": name, "document": json.loads(tokenizer.to_str()), "cases": cases})
    return {"reference": f"tokenizers {VERSION}", "tokenizers": made}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if tokenizers.__version__ != VERSION:
        sys.exit(f"tokenizers: expected version {VERSION}, found {tokenizers.__version__}")
    data_folder, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "small.json"), "w") as f:
        json.dump(make_small(), f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")
    with open(os.path.join(out, "sweeps.json"), "w") as f:
        json.dump(make_sweeps(data_folder), f, indent=0)
        f.write("\n")


if __name__ == "__main__":
    main()
