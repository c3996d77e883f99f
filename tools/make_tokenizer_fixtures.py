#!/usr/bin/env python3
"""Makes tests/fixtures/tokenizer/{sweeps,sweeps_bpe,sweeps_unigram,small}.json with the reference package.

    python3 tools/make_tokenizer_fixtures.py ../shared/data tests/fixtures/tokenizer [NAME...]

With names (of tokenizers in the data folder, or "small") only those are made again. Needs: pip
install tokenizers==0.23.3. Takes about ten minutes.

sweeps*.json hashes of what the reference makes of much text: SHA-256 over, for each text, the number
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

import sentencepiece_file
import small_tokenizers
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
BYTE_LEVEL = ["gpt2", "roberta-base"]
UNIGRAM = ["t5-base", "xlnet-base-cased"]
WITH_BOOKS = BYTE_LEVEL + UNIGRAM
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


def hashes_of_code_point_lines(tokenizer):
    """64 code points a text, each alone, inside a word and after a letter"""
    out = []
    for first in range(0, 0x110000, CODE_CHUNK):
        texts = []
        for line in range(first, first + CODE_CHUNK, 64):
            chars = [chr(c) for c in range(line, line + 64) if not 0xD800 <= c <= 0xDFFF]
            texts.append(" ".join(f"{c} a{c}b a{c}" for c in chars))
        digest = hashlib.sha256()
        hash_encodings(tokenizer.encode_batch(texts), digest)
        out.append(digest.hexdigest())
    return out


def text_sets(with_books):
    """one dict for each set: how its texts are found, before anything is hashed"""
    if with_books:
        for name in ["novels", "reviews", "speeches", "valid_reviews", "wikipedia_paintings"]:
            yield {"kind": "lines", "file": f"lm/{name}.txt"}
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


def byte_level(folder):
    """GPT-2's or RoBERTa's tokenizer from vocab.json and merges.txt"""
    t = Tokenizer(models.BPE.from_file(os.path.join(folder, "vocab.json"),
                                       os.path.join(folder, "merges.txt")))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if t.token_to_id("<mask>") is None:
        t.add_special_tokens(["<|endoftext|>"])
        return t
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True,
                                                    add_prefix_space=False)
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>",
                          AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    return t


def unigram(folder):
    """T5's or XLNet's tokenizer from spiece.model"""
    model = sentencepiece_file.read(os.path.join(folder, "spiece.model"))
    pieces = [(text, score) for text, score, _ in model["pieces"]]
    charsmap = normalizers.Precompiled(model["charsmap"])
    is_t5 = pieces[0][0] == "<pad>"
    if not is_t5:  # XLNet never ends a token with a digit and a comma
        pieces = [(text, score - 100 if text[-1] == "," and text[-2:-1].isdigit() else score)
                  for text, score in pieces]
    else:
        pieces += [(f"<extra_id_{i}>", 0.0) for i in range(99, -1, -1)]
    t = Tokenizer(models.Unigram(pieces, unk_id=model["unk_id"]))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Metaspace("▁", prepend_scheme="always")])
    if is_t5:
        t.normalizer = charsmap
        t.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
        t.add_special_tokens(["</s>", "<unk>", "<pad>"] +
                             [f"<extra_id_{i}>" for i in range(100)])
        return t
    t.normalizer = normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
        normalizers.StripAccents(), charsmap])
    t.post_processor = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2", pair="$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        special_tokens=[("<sep>", 4), ("<cls>", 3)])
    t.add_special_tokens(["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<eod>", "<eop>",
                          AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    return t


def tokenizer_of(folder, name, lower):
    if name in BYTE_LEVEL:
        return byte_level(folder)
    if name in UNIGRAM:
        return unigram(folder)
    if name != WITH_JSON:
        return BertWordPieceTokenizer.from_file(os.path.join(folder, "vocab.txt"), lowercase=lower)
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def sweep(data_folder, name, lower):
    tokenizer = tokenizer_of(os.path.join(data_folder, "tokenizers", name), name, lower)
    sets = []
    for how in text_sets(with_books=name in WITH_BOOKS):
        special = tokenizer.num_special_tokens_to_add(len(how.get("columns", [])) == 2)
        if how.get("max_length", special) < special:
            continue
        texts = texts_of(data_folder, how)
        if how.get("max_length"):
            tokenizer.enable_truncation(how["max_length"])
        sets.append({**how, "texts": len(texts), "chunk": CHUNK,
                     "hashes": hashes_of(tokenizer, texts, CHUNK)})
        tokenizer.no_truncation()
    if name in UNIGRAM:
        sets.append({"kind": "code_point_lines", "texts": 0x110000 // 64, "chunk": CODE_CHUNK,
                     "hashes": hashes_of_code_point_lines(tokenizer)})
    elif name != WITH_JSON:
        sets.append({"kind": "code_points", "texts": 3 * 1112064, "chunk": CODE_CHUNK,
                     "hashes": hashes_of_code_points(tokenizer)})
    print(name, sum(s["texts"] for s in sets), "texts", file=sys.stderr)
    return {"tokenizer": name, "lower": lower, "sets": sets}


def make_sweeps(data_folder, path, family, names):
    made = {}
    if names and os.path.exists(path):
        with open(path) as f:
            made = {t["tokenizer"]: t for t in json.load(f)["tokenizers"]}
    for name, lower in family:
        if not names or name in names:
            made[name] = sweep(data_folder, name, lower)
    return {"reference": f"tokenizers {VERSION}", "pool": [piece.hex() for piece in POOL],
            "max_pieces": MAX_PIECES, "tokenizers": list(made.values())}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if tokenizers.__version__ != VERSION:
        sys.exit(f"tokenizers: expected version {VERSION}, found {tokenizers.__version__}")
    data_folder, out, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(out, exist_ok=True)
    if not names or "small" in names:
        with open(os.path.join(out, "small.json"), "w") as f:
            json.dump({"reference": f"tokenizers {VERSION}", "tokenizers": small_tokenizers.make()},
                      f, ensure_ascii=True, separators=(",", ":"))
            f.write("\n")
    families = {"sweeps": TOKENIZERS + [(WITH_JSON, True)],
                "sweeps_bpe": [(n, True) for n in BYTE_LEVEL],
                "sweeps_unigram": [(n, True) for n in UNIGRAM]}
    for file, family in families.items():
        if names and not {name for name, _ in family} & set(names):
            continue
        path = os.path.join(out, file + ".json")
        made = make_sweeps(data_folder, path, family, names)
        with open(path, "w") as f:
            json.dump(made, f, indent=0)
            f.write("\n")


if __name__ == "__main__":
    main()
