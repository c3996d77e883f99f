"""Small tokenizers of every make with a few texts each, and what the reference makes of them; used by
make_tokenizer_fixtures.py.

SPDX-License-Identifier: MIT
"""
import json

import charsmap
from tokenizers import (AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers,
                        processors, trainers)

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


def word_piece():
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


# ---- byte-pair encoding ----------------------------------------------------------------------

TRAINING = ["the lazy dog's tail isn't wagging, they're told; we've seen 12 of 345 cats in 2026",
            "hello world, hello there: the world's words are worth the while, it'll do, I'd say I'm",
            "a café in Zürich, naïve señor, 中文 中国, привет мир, 123 12 1 0",
            "<tag> [brackets] (parens) {braces} tag the brackets   three blanks"] * 3

BYTE_TEXTS = ["", " ", "hello", " hello", "hello world's", "  two   blanks ", "a\tb\n\nc \n d\r\n",
              "I'm we're IT'S it'ſ they'll'd", "1 12 123 1234 12345", "é É中中文", "x\u00a0y\u3000z",
              "<s> hello  <mask> world<mask>", "hello<mask>", "  <mask>", "привет, Мир!", "...!!! ??",
              "\U0001f600\u200d\U0001f600 ok", "e\u0301e\u0301", "\0a\ufffdb", "it 's  'd '", "q\n\n\n",
              "   \n  \n   x", "CamelCaseHTTPServer", "a-b_c.d/e", "\u17ff\u0e01 १२३ ٣ ⅷ²", "9" * 11]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
         r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆ]+",
            r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}"]
PATTERNS = [
    r"a|b", r"(ab|a)b?", r"\s", r"\S+", r"[^\s]+", r"\d+", r"\D", r"\p{Lu}\p{Ll}*", r"\P{L}+", r"\p{^L}",
    r"l{2}", r"[a-e]{2,}", r"\p{N}{,2}", r"x*", r"(he|hel|hello)", r"hel*?o", r"(?:ab|cd)+?", r"(l|o)+",
    r"(?:el|lo){1,2}", r"^.", r".$", r"^", r"$", r"\A.", r".\z", r"(?=l)", r"(?!l).", r"o(?= )|a(?!b)",
    r"(?i:HELLO|k)", r"[^a-z\r\n]", r"[\]\-a]+", r"\x41|\u4e2d", r".", r"\.", r"\p{P}+|\p{S}", r"l++o?", r"l*+",
    r"(a(b(c|d)?)?)?e", r"(?:\p{L}\p{M}*)+", r"[\p{L}\p{M}]+|[^\S\n]+", r"(|a)b", r"(?:a|b|)l", r"[\s\S]{3}",
    r"\n", r"\t|\r", r"(?i:[a-f]+)", r"(?:(?!lo).)+", r"'(?=[a-z])", r"(?:a?){2}b", r"}|]",
]


def cut(pre_tokenizer, normalizer=None):
    """every piece is one unknown token: offsets alone tell what the parts did"""
    t = Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?", fuse_unk=True))
    t.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        t.normalizer = normalizer
    return t


def byte_model(**options):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=380, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    t.train_from_iterator(TRAINING, trainer)
    model = json.loads(t.to_str())["model"]
    vocab = dict(model["vocab"])
    for i, token in enumerate(["<s>", "</s>", "<mask>"]):
        vocab[token] = len(model["vocab"]) + i
    return models.BPE(vocab=vocab, merges=[tuple(m) for m in model["merges"]], **options)


def byte_level(pre_tokenizer, post_processor=None, **options):
    t = Tokenizer(byte_model(**options))
    t.pre_tokenizer = pre_tokenizer
    if post_processor is not None:
        t.post_processor = post_processor
    t.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True, normalized=False)])
    return t


def byte_tokenizers():
    p, bytes_ = pre_tokenizers, pre_tokenizers.ByteLevel
    for prefix in [False, True]:
        for trim in [False, True]:
            yield f"GPT-2, prefix {prefix}, trim {trim}", byte_level(
                bytes_(add_prefix_space=prefix),
                processors.Sequence([bytes_processor(prefix, trim)]))
            sep, cls = ("</s>", 381), ("<s>", 380)
            yield f"RoBERTa, prefix {prefix}, trim {trim}", byte_level(
                bytes_(add_prefix_space=prefix),
                processors.RobertaProcessing(sep, cls, trim_offsets=trim, add_prefix_space=prefix))
    template = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 380)])
    yield "Llama 3", byte_level(
        p.Sequence([p.Split(Regex(LLAMA3), "isolated"), bytes_(False, use_regex=False)]),
        processors.Sequence([bytes_processor(True, True), template]), ignore_merges=True)
    yield "Qwen 2", byte_level(
        p.Sequence([p.Split(Regex(QWEN2), "isolated"), bytes_(False, use_regex=False)]))
    yield "o200k", byte_level(
        p.Sequence([p.Split(Regex(O200K), "isolated"), bytes_(True, use_regex=False)]))
    yield "DeepSeek", byte_level(p.Sequence(
        [p.Split(Regex(x), "isolated") for x in DEEPSEEK] + [bytes_(False, use_regex=False)]))
    yield "digits alone", byte_level(p.Sequence([p.Digits(True), bytes_(False)]))
    yield "punctuation, digits together", byte_level(
        p.Sequence([p.Punctuation("contiguous"), bytes_(False), p.Digits(False)]))
    t = byte_level(None)
    t.normalizer = normalizers.ByteLevel()
    t.pre_tokenizer = p.Split("Ġ", "merged_with_next")
    yield "bytes as a normaliser", t


def bytes_processor(prefix, trim):
    return processors.ByteLevel(add_prefix_space=prefix, trim_offsets=trim)


def character_tokenizers():
    vocab = {t: i for i, t in enumerate(["?", "a", "b", "c", "ab", "bc", "abc", "aa", "aaa", "aaaa", "é",
                                         "<0xC3>", "<0xA9>", "<0x78>", "##a", "##b", "a##b", "ab</w>",
                                         "b</w>", "##b</w>", "abb", "l", "o", "he", "h", "e", "bb"])}
    merges = [("b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc"), ("a", "a"), ("aa", "aa"), ("aaa", "a"),
              ("a", "aaa"), ("aa", "a"), ("h", "e"), ("b", "b")]
    texts = dict(unk_token="?")
    no_é = {t: i for t, i in vocab.items() if t != "é"}
    yield "characters", models.BPE(vocab, merges, **texts)
    yield "characters, unknown ones together", models.BPE(vocab, merges, fuse_unk=True, **texts)
    yield "characters, unknown ones vanish", models.BPE(vocab, merges)
    yield "characters, whole words first", models.BPE(vocab, merges[:1], ignore_merges=True, **texts)
    yield "bytes where letters are unknown", models.BPE(no_é, merges, byte_fallback=True, **texts)
    yield "bytes, unknown ones together", models.BPE(no_é, merges, byte_fallback=True, fuse_unk=True,
                                                     **texts)
    yield "a merge twice", models.BPE(vocab, merges + [("b", "c")], **texts)
    yield "a prefix inside", models.BPE(vocab, [("a", "##b")], continuing_subword_prefix="##", **texts)
    yield "a suffix at the end", models.BPE(vocab, [("a", "b</w>")], end_of_word_suffix="</w>", **texts)


BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def cutting_tokenizers():
    p = pre_tokenizers
    for behavior in BEHAVIORS:
        for invert in [False, True]:
            yield f"cut at l, {behavior}, invert {invert}", cut(p.Split("l", behavior, invert))
            yield f"cut at blanks, {behavior}, invert {invert}", cut(
                p.Split(Regex(r"\s*"), behavior, invert))
        yield f"punctuation {behavior}", cut(p.Punctuation(behavior))
    yield "an empty text", cut(p.Split("", "isolated"))
    yield "a text of two letters", cut(p.Split("ll", "isolated"))
    yield "white space", cut(p.WhitespaceSplit())
    yield "words", cut(p.Whitespace())
    yield "at a letter", cut(p.CharDelimiterSplit("中"))
    for individual in [False, True]:
        yield f"digits, individual {individual}", cut(p.Digits(individual))
    for pattern in PATTERNS:
        yield f"pattern {pattern}", cut(p.Split(Regex(pattern), "isolated"))


CUT_TEXTS = ["hello world, hell", "ab b abcab", "Cafe\u0301 HTTPServer x", "a\n\nb \n", "1234 5a", "k\u212aſS Kk",
             "l", "中国a\u4e2d中", "lll", "(x)-[y]} <b>", "  a  b  ", "don't 'e'E", "\r\n\t\r", "cdcdab"]


def small_bpe():
    for name, tokenizer in byte_tokenizers():
        yield name, tokenizer, BYTE_TEXTS
    for name, model in character_tokenizers():
        t = Tokenizer(model)
        t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        yield name, t, ["abc", "aaaaaaa", "bcabcab abca", "é", "xéx", "xéxx", "hello", "axb xxab", "ab",
                        "b", "a中b", "abb bbb", "éx aé", "aab aaab aaaab"]
    for name, tokenizer in cutting_tokenizers():
        yield name, tokenizer, CUT_TEXTS


# ---- normalisers, one unknown token a letter --------------------------------------------------

def letters(normalizer, pre_tokenizer=None):
    t = Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?"))
    t.normalizer = normalizer
    if pre_tokenizer is not None:
        t.pre_tokenizer = pre_tokenizer
    return t


MAP = {"ａ": "a", "①": "(1)", "é": "e\u0301", "e\u0301": "é", "\u200b": "", "\r": " ", "½": "1/2", "a\u0323": "b",
       "x": "yz", "xy": "w", "ﬃ": "ffi", "\u0300": "", "你": "", "\n": " ", "\u3000": " ", "\u0600": "N"}


def normalizing_tokenizers():
    n = normalizers
    yield "NFD", letters(n.NFD())
    yield "NFKD", letters(n.NFKD())
    yield "NFC", letters(n.NFC())
    yield "NFKC", letters(n.NFKC())
    yield "lower case alone", letters(n.Lowercase())
    yield "accents off", letters(n.StripAccents())
    yield "control characters off", letters(n.Nmt())
    for left in [False, True]:
        yield f"stripped, left {left}", letters(n.Strip(left, True))
        yield f"stripped, only left {left}", letters(n.Strip(left, False))
    yield "in front", letters(n.Prepend("▁<"))
    yield "one for another", letters(n.Replace("``", '"'))
    yield "longer", letters(n.Replace("a", "<a>"))
    yield "nothing for something", letters(n.Replace(Regex(r"\s+"), ""))
    yield "blanks together", letters(n.Replace(Regex(" {2,}"), " "))
    yield "a map", letters(n.Precompiled(charsmap.write({k.encode(): v.encode() for k, v in MAP.items()})))
    yield "a map of nothing", letters(n.Precompiled(charsmap.write({"\U0010ffff".encode(): b"x"})))
    yield "as XLNet", letters(n.Sequence([
        n.Replace("``", '"'), n.NFKD(), n.StripAccents(), n.Lowercase(),
        n.Precompiled(charsmap.write({k.encode(): v.encode() for k, v in MAP.items()}))]))
    yield "composed again", letters(n.Sequence([n.NFD(), n.NFC()]))
    for scheme in ["always", "first", "never"]:
        for split in [False, True]:
            t = letters(n.Strip(True, False), pre_tokenizers.Metaspace("▁", scheme, split))
            t.model = models.BPE(vocab={"?": 0, "▁": 1}, merges=[], unk_token="?", fuse_unk=True)
            t.add_tokens([AddedToken("<b>", normalized=False), AddedToken("<n>")])
            yield f"metaspace {scheme}, split {split}", t


LETTER_TEXTS = ["", "e\u0301", "É\u0323\u0307", "ａ①é½", "\u0344a\u0300\u0301", "한글 가각", "ﬃ ﷺ", "\r\n\r\n", "x xy xyx",
                " a  b ", "``q``''", "\u200b\u200ba\u200b", "你好", "a\u0323\u0301e\u0301\u0301", "\u0301a", "\u0600a\u0600ａ",
                "Å \u212b A\u030a", "ǅ İ ẞ", "\ufeff\x07b\x8f\u1680c", "<b> a<b>a <n>", "\u0958\u0915\u093c", "a\u0327\u0301\u0308",
                "ａ\u0301 é\u0301 ½\u0300", "\u1100\u1161\u11a8", "Ǆ\u030c ṩ s\u0323\u0307", "xy\u0301 ａ\u200d", "  <n>  "]


# ---- Unigram -----------------------------------------------------------------------------------

def unigram_tokenizers():
    pieces = [("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("b", -3.5), ("ab", -4.0), ("▁a", -4.5), ("abc", -9.0),
              ("c", -6.0), ("bc", -5.0), ("aa", -6.0), ("aaa", -9.0), ("é", -7.0), ("<0xC3>", -20.0),
              ("<0xA9>", -20.0), ("<0x78>", -20.0), ("xy", -99.0), ("▁he", -3.0), ("ll", -4.0), ("o", -2.5)]
    no_é = [p for p in pieces if p[0] != "é"]
    yield "Unigram", models.Unigram(pieces, 0, False)
    yield "Unigram, bytes", models.Unigram(no_é, 0, True)
    yield "Unigram, unknown last", models.Unigram(pieces[1:] + pieces[:1], len(pieces) - 1, False)
    yield "Unigram, one twice", models.Unigram(pieces + [("ab", -1.0), ("a", -8.0)], 0, False)
    yield "Unigram, scores above 0", models.Unigram([(t, -x / 2) for t, x in pieces], 0, False)


def small_unigram():
    texts = ["abc", "aaaaa", "abcab bca", "é", "xéx", "xyx", "xy", "hello hell", "a <unk> b<unk>", "<unk>x", "", "a中b 中",
             "éx xé", "ab <n> ab"]
    for name, model in unigram_tokenizers():
        t = Tokenizer(model)
        t.pre_tokenizer = pre_tokenizers.Metaspace()
        t.add_tokens([AddedToken("<n>")])
        yield name, t, texts
        if name == "Unigram":
            t = Tokenizer(model)
            yield name + ", uncut", t, texts


# ---- all of them -----------------------------------------------------------------------------

def cases_of(tokenizer, texts):
    cases = []
    for i, text in enumerate(texts):
        for pair in [None, texts[(i + 3) % len(texts)]]:
            e = tokenizer.encode(text, pair)
            cases.append({"text": text.encode().hex(),
                          "pair": None if pair is None else pair.encode().hex(),
                          "ids": e.ids, "segment": e.type_ids,
                          "offsets": [n for o in e.offsets for n in o]})
    return cases


def make():
    made = [(name, t, TEXTS) for name, t in word_piece()] + list(small_bpe())
    made += [(name, t, LETTER_TEXTS) for name, t in normalizing_tokenizers()] + list(small_unigram())
    return [{"name": name, "document": json.loads(t.to_str()), "cases": cases_of(t, texts)}
            for name, t, texts in made]
