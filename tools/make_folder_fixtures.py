#!/usr/bin/env python3
"""Makes tests/fixtures/tokenizer/folders.json: small folders from before tokenizer.json, and how the
reference encodes with them.

    python3 tools/make_folder_fixtures.py tests/fixtures/tokenizer

Needs: pip install transformers==5.23.0 tokenizers==0.23.3.

SPDX-License-Identifier: MIT
"""
import json
import os
import sys

import charsmap
import sentencepiece_file
import small_tokenizers
from tokenizers import AddedToken, processors
from transformers import (AlbertTokenizer, GPT2Tokenizer, LlamaTokenizer, Qwen2Tokenizer,
                          RobertaTokenizer, T5Tokenizer, XLMRobertaTokenizer, XLNetTokenizer)
from transformers.tokenization_utils_base import generate_merges

NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
WORDS = ["▁", "▁the", "▁a", "a", "b", "c", "d", "e", "h", "l", "o", "r", "s", "t", "he", "ll", "lo", "or", "▁w", "1",
         "2", ",", "1,", "12", "12,", "▁1", '"', "é", "E", "A", ".", "ab", "abc", "bc", "▁h", "▁he", "hello", "▁hello"]
TEXTS = ["", " ", "hello world", "  the   hello ", "Hello THE World", "é É e\u0301 ａ", "``a\'\' b", "1,2 12, 12,a 1,", "a\tb\nc",
         "<mask> the <mask>a", "hello </s> the", "<unk>a", "中国 a中", "[MASK] a [SEP]b", "▁a ▁▁ b", "abcabc ab.c",
         "a <extra_id_0> b<extra_id_99>", "<s>a<pad>", "\U0001f600 ok", "½ ①"]
MAP = {"ａ": "a", "①": "1", "½": "1/2", "e\u0301": "é", "\t": " ", "\n": " ", "É": "É"}


def special(text, **flags):
    return AddedToken(text, normalized=False, special=True, **flags)


def folder(name, files, tokenizer):
    cases = small_tokenizers.cases_of(tokenizer.backend_tokenizer, TEXTS)
    return {"name": name, "files": {k: v.hex() for k, v in files.items()}, "cases": cases}


def config(**settings):
    return json.dumps(settings).encode()


def pieces(first):
    return first + [(word, -1.0 - i / 4, NORMAL) for i, word in enumerate(WORDS)]


def sentencepiece_folders():
    chars = charsmap.write({k.encode(): v.encode() for k, v in MAP.items()})

    def files(first, unk_id=0, **more):
        made = pieces(first)
        model = sentencepiece_file.write(made, charsmap=chars, unk_id=unk_id, **more)
        return [(text, score) for text, score, _ in made], model

    def numbers(vocab):
        return [(t, s - 100 if t[-1] == "," and t[-2:-1].isdigit() else s) for t, s in vocab]

    first = [("<unk>", 0.0, UNKNOWN)] + [(t, 0.0, CONTROL) for t in
                                         ["<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>"]]
    vocab, model = files(first + [("<eop>", 0.0, USER)])
    mask = special("<mask>", lstrip=True)
    for lower in [False, True]:
        yield folder(f"XLNet, lower case {lower}",
                     {"spiece.model": model, "tokenizer_config.json": config(
                         do_lower_case=lower, added_tokens_decoder={
                             str(i): {"content": t, "special": True, "normalized": False}
                             for i, t in [(7, "<eod>"), (8, "<eop>")]})},
                     XLNetTokenizer(vocab=numbers(vocab), unk_id=0, do_lower_case=lower, mask_token=mask,
                                    additional_special_tokens=[special("<eop>"), special("<eod>")],
                                    _spm_precompiled_charsmap=chars))
    first = [("<pad>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN)] + [(t, 0.0, CONTROL) for t in
                                                               ["[CLS]", "[SEP]", "[MASK]"]]
    vocab, model = files(first, unk_id=1)
    yield folder("ALBERT", {"spiece.model": model},
                 AlbertTokenizer(vocab=numbers(vocab), mask_token=special("[MASK]", lstrip=True),
                                 _spm_precompiled_charsmap=chars))
    yield folder("ALBERT, accents and cases kept",
                 {"spiece.model": model,
                  "tokenizer_config.json": config(keep_accents=True, do_lower_case=False)},
                 AlbertTokenizer(vocab=numbers(vocab), mask_token=special("[MASK]", lstrip=True),
                                 keep_accents=True, do_lower_case=False,
                                 _spm_precompiled_charsmap=chars))
    vocab, model = files([("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)])
    fairseq = [(t, 0.0) for t in ["<s>", "<pad>", "</s>", "<unk>"]] + vocab[3:] + [("<mask>", 0.0)]
    yield folder("XLM-RoBERTa", {"sentencepiece.bpe.model": model, "tokenizer_config.json": config(
        tokenizer_class="XLMRobertaTokenizer")},
                 XLMRobertaTokenizer(vocab=fairseq, mask_token=mask, _spm_precompiled_charsmap=chars))
    vocab, model = files([("<pad>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN)],
                         unk_id=2)
    extra = [(f"<extra_id_{i}>", 0.0) for i in range(99, -1, -1)]
    yield folder("T5", {"spiece.model": model},
                 T5Tokenizer(vocab=vocab + extra, _spm_precompiled_charsmap=chars))


def llama_folders():
    first = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    first += [(f"<0x{b:02X}>", 0.0, BYTE) for b in range(256)]
    made = pieces(first)
    model = sentencepiece_file.write(made, type=2, byte_fallback=True)
    vocab = {text: i for i, (text, _, _) in enumerate(made)}
    for legacy in [False, True]:
        reference = LlamaTokenizer(vocab=vocab, merges=generate_merges(vocab), legacy=legacy)
        reference.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
        yield folder(f"Llama, legacy {legacy}", {
            "tokenizer.model": model, "tokenizer_config.json": config(
                tokenizer_class="LlamaTokenizer", legacy=legacy)}, reference)


def byte_folders():
    model = json.loads(small_tokenizers.byte_level(None).to_str())["model"]
    vocab = dict(model["vocab"])
    for token in ["<|endoftext|>", "<pad>", "<unk>"]:
        vocab[token] = len(vocab)
    merges = [tuple(m) for m in model["merges"]]
    files = {"vocab.json": json.dumps(vocab).encode(),
             "merges.txt": ("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges)).encode()}
    yield folder("RoBERTa", files, RobertaTokenizer(vocab=vocab, merges=merges,
                                                    mask_token=special("<mask>", lstrip=True)))
    yield folder("BART, a blank in front", {**files, "tokenizer_config.json": config(
        tokenizer_class="BartTokenizer", add_prefix_space=True)},
                 RobertaTokenizer(vocab=vocab, merges=merges, add_prefix_space=True,
                                  mask_token=special("<mask>", lstrip=True)))
    yield folder("GPT-2", {**files, "tokenizer_config.json": config(tokenizer_class="GPT2Tokenizer")},
                 GPT2Tokenizer(vocab=vocab, merges=merges))
    yield folder("Qwen 2", {**files, "tokenizer_config.json": config(
        tokenizer_class="Qwen2Tokenizer", added_tokens_decoder={
            str(vocab["<|endoftext|>"]): {"content": "<|endoftext|>", "special": True,
                                          "normalized": False}})},
                 Qwen2Tokenizer(vocab=vocab, merges=merges))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = list(sentencepiece_folders()) + list(llama_folders()) + list(byte_folders())
    with open(os.path.join(sys.argv[1], "folders.json"), "w") as f:
        json.dump({"folders": made}, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
