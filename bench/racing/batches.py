"""The token batches that every contestant gets, as text: "batch N", then N lines
"label length first id id ...", `first` being where the second segment begins.

SPDX-License-Identifier: MIT
"""
import os

LENGTH = 128


def read_rows(data, reviews):
    """name, [(text, pair or None, label)]: MRPC where it is there, else the film reviews."""
    path = os.path.join(data, "MRPC", "train.tsv") if data else ""
    if os.path.exists(path):
        rows = [line.rstrip("\r\n").split("\t") for line in open(path, encoding="utf-8-sig", newline="\n")]
        return "MRPC", [(r[3], r[4], int(r[0])) for r in rows[1:] if len(r) >= 5]
    rows = [line.rstrip("\n").rsplit("\t", 1) for line in open(reviews, encoding="utf-8")][1:]
    names = sorted({r[1] for r in rows})
    return "film reviews", [(r[0], None, names.index(r[1])) for r in rows]


def encode(tokenizer, rows, n):
    """[(label, first of the second segment, ids)] of n rows that are spread over the whole set"""
    out = []
    for i in range(n):
        text, pair, label = rows[i * len(rows) // n]
        e = tokenizer.encode(text, pair) if pair is not None else tokenizer.encode(text)
        first = e.type_ids.index(1) if 1 in e.type_ids else len(e.ids)
        out.append((label, first, e.ids))
    return out


def full_rows(tokenizer, rows, n):
    """n rows of exactly LENGTH tokens: the texts end to end"""
    stream, out = [], []
    begin, end = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    texts = iter(rows)
    for i in range(n):
        while len(stream) < LENGTH - 2:
            stream += tokenizer.encode(next(texts)[0], add_special_tokens=False).ids
        out.append((i % 2, LENGTH, [begin] + stream[:LENGTH - 2] + [end]))
        stream = stream[LENGTH - 2:]
    return out


def write(path, rows, size):
    """Batches of `size`; returns what is told of them."""
    with open(path, "w") as out:
        for i in range(0, len(rows), size):
            part = rows[i:i + size]
            print("batch", len(part), file=out)
            for label, first, ids in part:
                print(label, len(ids), first, *ids, file=out)
    tokens = [len(r[2]) for r in rows]
    return {"batches": len(range(0, len(rows), size)), "examples": size,
            "tokens": sum(tokens), "mean_tokens": sum(tokens) / len(rows),
            "longest_of_a_batch": [max(tokens[i:i + size]) for i in range(0, len(rows), size)]}


def make(folder, model, data, reviews, name, size, count):
    """The file and the description of a workload: "full" or "mixed"."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTH)
    source, rows = read_rows(data, reviews)
    path = os.path.join(folder, "%s-%d-%d.txt" % (name, size, count))
    if name == "full":
        told = write(path, full_rows(tokenizer, rows, size * count), size)
        told["title"] = "%d x %d tokens" % (size, LENGTH)
    else:
        told = write(path, encode(tokenizer, rows, size * count), size)
        told["title"] = "%s as it comes, %d x %.0f tokens" % (source, size, told["mean_tokens"])
    return path, told
