"""Small random models of every family with PyTorch's logits, loss and gradients.

    python tools/make_family_fixtures.py tests/fixtures [FAMILY ...]

Each folder tests/fixtures/FAMILY/NAME holds config.json, model.safetensors (as `transformers` would
save it) and expected.safetensors: a packed batch (ids, segment, start, label), logits, loss and, for
every tensor, grad.NAME without the base model's prefix, stored as F32 and computed in float64
throughout: where `transformers` asks for float32 in between (norms, softmax, rotary angles), it gets
float64. Where the folder lacks its head ("bare"), the test fills it by the formula of `filled`.

SPDX-License-Identifier: MIT
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

WORDS = 40  # ids below 5 are special tokens somewhere: 5 .. 39 are used
PADDED = ("roberta", "xlm-roberta", "distilbert", "electra", "albert", "mpnet", "deberta-v2")  # and in these the padding token


def spec(labels, lengths, *, pairs=False, problem=None, bare=False, pads=False, language=False, **config):
    return dict(labels=labels, lengths=lengths, pairs=pairs, problem=problem, bare=bare, pads=pads,
                language=language, config=config)


def language(lengths, **more):
    return spec(2, lengths, language=True, **more)


def bert_like(hidden, heads, inner, layers, act="gelu", positions=40, **more):
    return dict(hidden_size=hidden, num_attention_heads=heads, intermediate_size=inner,
                num_hidden_layers=layers, hidden_act=act, max_position_embeddings=positions, **more)


def gpt2(hidden, heads, layers, act="gelu_new", positions=20, **more):
    return dict(n_embd=hidden, n_head=heads, n_layer=layers, activation_function=act,
                n_positions=positions, **more)


def llama(hidden, heads, key_heads, inner, layers, act="silu", **more):
    return dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=key_heads,
                intermediate_size=inner, num_hidden_layers=layers, hidden_act=act,
                max_position_embeddings=64, **more)


def opt(hidden, heads, inner, layers, act="relu"):
    return dict(hidden_size=hidden, num_attention_heads=heads, ffn_dim=inner,
                num_hidden_layers=layers, activation_function=act, max_position_embeddings=20)


def bart(hidden, heads, inner, layers, decoder_layers, decoder_heads, decoder_inner, act="gelu"):
    return dict(d_model=hidden, encoder_attention_heads=heads, encoder_ffn_dim=inner,
                encoder_layers=layers, decoder_layers=decoder_layers, decoder_ffn_dim=decoder_inner,
                decoder_attention_heads=decoder_heads, activation_function=act,
                max_position_embeddings=24)


def xlnet(hidden, heads, inner, layers, act="gelu", **more):
    return dict(d_model=hidden, n_head=heads, d_inner=inner, n_layer=layers, ff_activation=act,
                **more)


def distil(hidden, heads, inner, layers, act="gelu", positions=30, **more):
    return dict(dim=hidden, n_heads=heads, hidden_dim=inner, n_layers=layers, activation=act,
                max_position_embeddings=positions, **more)


MODELS = {
    "roberta/plain": spec(2, [9, 4, 13], **bert_like(16, 4, 20, 2)),
    "roberta/pads": spec(1, [7, 11], problem="regression", **bert_like(
        15, 3, 17, 1, "gelu_new", pad_token_id=3, type_vocab_size=1, layer_norm_eps=1e-5)),
    "roberta/bare": spec(3, [5, 9, 14], bare=True, **bert_like(12, 2, 24, 2, "relu")),
    "xlm-roberta/plain": spec(4, [6, 8], problem="multi_label_classification", **bert_like(
        12, 1, 19, 1, "silu", type_vocab_size=1)),
    "distilbert/plain": spec(2, [9, 4, 13], **distil(16, 4, 20, 2)),
    "distilbert/odd": spec(3, [1, 8, 5], pairs=True, **distil(21, 3, 13, 1, "relu")),
    "distilbert/bare": spec(1, [6, 11], problem="regression", bare=True,
                            **distil(10, 1, 22, 3, "gelu_new")),
    "electra/plain": spec(2, [9, 4, 13], pairs=True, embedding_size=10, **bert_like(16, 4, 20, 2)),
    "electra/same-width": spec(3, [7, 2], embedding_size=15, **bert_like(15, 3, 17, 2, "relu")),
    "electra/bare": spec(2, [6, 11, 1], pairs=True, bare=True, embedding_size=24, **bert_like(
        12, 2, 14, 1, "gelu_new", type_vocab_size=3, layer_norm_eps=1e-5)),
    "albert/plain": spec(2, [9, 4, 13], pairs=True, embedding_size=10, **bert_like(16, 4, 20, 4)),
    "albert/groups": spec(3, [7, 3], embedding_size=12, num_hidden_groups=2, inner_group_num=2,
                          **bert_like(9, 3, 11, 5, "relu", type_vocab_size=3)),
    "albert/bare": spec(1, [6, 11, 1], problem="regression", bare=True, embedding_size=7, **bert_like(
        15, 5, 14, 2, "gelu_new", layer_norm_eps=1e-5)),
    "mpnet/plain": spec(2, [9, 4, 13], **bert_like(16, 4, 20, 2)),
    "mpnet/long": spec(3, [34, 1, 21], relative_attention_num_buckets=35,
                       **bert_like(9, 3, 11, 1, "relu", 36)),
    "mpnet/bare": spec(1, [6, 11], problem="regression", bare=True, **bert_like(
        15, 5, 14, 2, "gelu_new", layer_norm_eps=1e-5)),
    "gpt2/plain": spec(2, [9, 4, 13], **gpt2(12, 4, 2)),
    "gpt2/options": spec(3, [7, 3], pad_token_id=5, n_inner=13, scale_attn_weights=False,
                         scale_attn_by_inverse_layer_idx=True, layer_norm_epsilon=1e-3,
                         **gpt2(9, 3, 2, "relu")),
    "gpt2/bare": spec(1, [6, 11, 1], problem="regression", bare=True, pad_token_id=7,
                      **gpt2(10, 1, 1, "gelu")),
    "llama/plain": spec(2, [9, 4, 13], pad_token_id=6, **llama(16, 4, 2, 20, 2)),
    "llama/options": spec(3, [17, 2], head_dim=6, attention_bias=True, mlp_bias=True, rope_parameters=dict(
        rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=3.0,
        original_max_position_embeddings=16), **llama(12, 4, 1, 13, 1, "gelu")),
    "llama/bare": spec(1, [6, 11], problem="regression", bare=True, rope_parameters=dict(
        rope_type="linear", rope_theta=5000.0, factor=2.0), **llama(12, 3, 3, 14, 2)),
    "mistral/plain": spec(2, [11, 1, 6], head_dim=4, sliding_window=None, **llama(12, 4, 2, 13, 2)),
    "qwen2/plain": spec(3, [9, 4, 13], pad_token_id=5, **llama(12, 6, 2, 15, 2)),
    "qwen3/plain": spec(2, [5, 14], head_dim=6, pad_token_id=5, **llama(12, 4, 2, 15, 2)),
    "qwen3/biased": spec(4, [9, 3], problem="multi_label_classification", head_dim=2,
                         attention_bias=True, rms_norm_eps=1e-3, **llama(9, 3, 1, 8, 1)),
    "t5/plain": spec(2, [9, 4, 13], decoder_start_token_id=0, d_model=12, d_kv=3, d_ff=17, num_layers=2, num_heads=4,
                     relative_attention_num_buckets=8, relative_attention_max_distance=12),
    "t5/gated": spec(3, [21, 3], decoder_start_token_id=3, d_model=9, d_kv=5, d_ff=11, num_layers=1, num_decoder_layers=2,
                     num_heads=3, feed_forward_proj="gated-gelu", layer_norm_epsilon=1e-3,
                     relative_attention_num_buckets=12, relative_attention_max_distance=17,
                     classifier_dropout=0.2),
    "t5/bare": spec(1, [6, 11], problem="regression", bare=True, decoder_start_token_id=0, d_model=10, d_kv=2, d_ff=12,
                    num_layers=1, num_heads=2, feed_forward_proj="gated-silu"),
    "bart/plain": spec(2, [9, 4, 13], **bart(8, 4, 12, 2, 2, 2, 13)),
    "bart/scaled": spec(3, [7, 2], scale_embedding=True, activation_dropout=0.1,
                        attention_dropout=0.1, classifier_dropout=0.1,
                        **bart(9, 3, 11, 1, 1, 1, 8, "relu")),
    "bart/bare": spec(1, [6, 11], problem="regression", bare=True,
                      **bart(10, 1, 7, 1, 2, 5, 9, "gelu_new")),
    "opt/plain": spec(2, [9, 4, 13], **opt(12, 4, 16, 2)),
    "opt/after": spec(3, [7, 2], word_embed_proj_dim=7, do_layer_norm_before=False, pad_token_id=6,
                      **opt(10, 2, 13, 2, "gelu")),
    "opt/unbiased": spec(2, [5, 11], enable_bias=False, word_embed_proj_dim=14,
                         **opt(9, 3, 8, 1, "relu")),
    "opt/bare": spec(1, [6, 11, 1], problem="regression", bare=True, **opt(10, 1, 9, 1)),
    "xlnet/plain": spec(2, [9, 4, 13], pairs=True, **xlnet(12, 3, 16, 2)),
    "xlnet/options": spec(3, [7, 1, 10], pairs=True, attn_type="uni", clamp_len=4, summary_type="mean",
                          summary_activation="gelu", layer_norm_eps=1e-3, **xlnet(10, 5, 11, 1, "relu")),
    "xlnet/bare": spec(1, [6, 11], problem="regression", bare=True, summary_type="first",
                       summary_use_proj=False, summary_activation="",
                       **xlnet(8, 1, 13, 2, "gelu_new")),
    "deberta-v2/plain": spec(2, [9, 4, 13], relative_attention=True, position_buckets=6, norm_rel_ebd="layer_norm",
                             share_att_key=True, pos_att_type="p2c|c2p", position_biased_input=False,
                             **bert_like(12, 3, 16, 2, positions=20)),
    "deberta-v2/buckets": spec(3, [33, 2, 21], pairs=True, relative_attention=True, position_buckets=7,
                               max_relative_positions=24, pos_att_type=["c2p"], type_vocab_size=2,
                               embedding_size=5, pad_token_id=7, pooler_hidden_act="tanh", cls_dropout=0.2,
                               pooler_dropout=0.1, **bert_like(10, 2, 11, 2, "relu", positions=36)),
    "deberta-v2/apart": spec(2, [14, 3], relative_attention=True, max_relative_positions=5, pos_att_type=["p2c", "c2p"],
                             layer_norm_eps=1e-3, **bert_like(9, 3, 8, 1, positions=16)),
    "deberta-v2/bare": spec(1, [6, 11, 1], problem="regression", bare=True, pos_att_type=["p2c"], type_vocab_size=3,
                            **bert_like(10, 1, 7, 1, "gelu_new", positions=12)),
    "xlm-roberta/odd": spec(3, [7, 1, 12], pad_token_id=4, type_vocab_size=3, layer_norm_eps=1e-3,
                            **bert_like(9, 3, 11, 2, "relu", 20)),
    "xlm-roberta/bare": spec(1, [5, 10], problem="regression", bare=True, **bert_like(10, 1, 7, 1, "gelu_new", 16)),
    "mistral/window": spec(3, [11, 2, 7], pads=True, pad_token_id=6, sliding_window=11, rms_norm_eps=1e-3,
                           rope_parameters=dict(rope_type="linear", rope_theta=100.0, factor=3.0),
                           **llama(10, 5, 1, 9, 1, "gelu")),
    "mistral/bare": spec(1, [6, 11, 1], problem="regression", bare=True, head_dim=6, rope_parameters=dict(
        rope_type="llama3", rope_theta=50.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=3.0,
        original_max_position_embeddings=16), **llama(9, 3, 3, 8, 1, "relu")),
    "qwen2/window": spec(2, [9, 3, 7], use_sliding_window=True, sliding_window=9, max_window_layers=1,
                         pad_token_id=8, pads=True, rms_norm_eps=1e-3, rope_parameters=dict(
                             rope_type="linear", rope_theta=500.0, factor=2.0), **llama(8, 2, 1, 11, 2, "relu")),
    "qwen2/bare": spec(1, [6, 1, 11], problem="regression", bare=True, tie_word_embeddings=True,
                       **llama(10, 5, 5, 7, 1, "gelu_new")),
    "qwen3/bare": spec(1, [6, 11], problem="regression", bare=True, head_dim=4, use_sliding_window=True,
                       sliding_window=12, max_window_layers=0, rope_parameters=dict(
                           rope_type="llama3", rope_theta=50.0, factor=4.0, low_freq_factor=1.0,
                           high_freq_factor=3.0, original_max_position_embeddings=16),
                       **llama(7, 4, 4, 9, 2, "gelu")),
    "bart/pads": spec(2, [5, 9], pads=True, pad_token_id=3, **bart(6, 2, 7, 1, 1, 3, 5, "relu")),
    "opt/pads": spec(2, [5, 9], pads=True, pad_token_id=7, **opt(6, 2, 7, 1)),
    "t5/pads": spec(2, [5, 9], pads=True, decoder_start_token_id=0, d_model=6, d_kv=3, d_ff=7, num_layers=1,
                    num_heads=2, relative_attention_num_buckets=4, relative_attention_max_distance=5),
    "deberta-v2/convolved": spec(2, [9, 1, 2, 5], relative_attention=True, position_buckets=4, pos_att_type="c2p",
                                 share_att_key=True, conv_kernel_size=5, conv_act="gelu", norm_rel_ebd="layer_norm",
                                 **bert_like(8, 2, 7, 2, positions=12)),
    "gpt2/language": language([9, 2, 13], **gpt2(12, 4, 2)),
    "gpt2/untied": language([7, 3], tie_word_embeddings=False, pad_token_id=6, **gpt2(9, 3, 1, "relu")),
    "llama/language": language([9, 4, 13], pads=True, pad_token_id=6, **llama(16, 4, 2, 13, 2)),
    "llama/tied": language([5, 17], tie_word_embeddings=True, head_dim=6, **llama(10, 2, 1, 11, 1)),
    "qwen2/language": language([9, 4, 13], pads=True, tie_word_embeddings=True, pad_token_id=5,
                               **llama(12, 6, 2, 15, 2)),
    "qwen3/language": language([5, 14], head_dim=6, **llama(12, 4, 2, 15, 2)),
    "opt/language": language([9, 4], word_embed_proj_dim=7, **opt(10, 2, 13, 2, "gelu")),
}


class Double(TorchFunctionMode):
    """float32 that is asked for becomes float64"""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func, args = torch.Tensor.double, args[:1]
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        kwargs = {k: torch.float64 if v is torch.float32 else v for k, v in (kwargs or {}).items()}
        return func(*args, **kwargs)


def filled(value):
    if value.dim() == 1:
        return torch.zeros_like(value)
    index = torch.arange(value.numel(), dtype=torch.float64)
    return (0.3 * torch.sin(1 + index)).reshape(value.shape).float()


def make_config(name, s):
    config = dict(s["config"])
    config.setdefault("vocab_size", WORDS)
    config = AutoConfig.for_model(name.split("/")[0], num_labels=s["labels"],
                                  problem_type=s["problem"], **config)
    config._attn_implementation = "eager"
    return config


def exact_angles(model):
    for m in model.modules():
        if hasattr(m, "inv_freq"):
            default = m.rope_type == "default"
            make = m.compute_default_rope_parameters if default else ROPE_INIT_FUNCTIONS[m.rope_type]
            m.inv_freq = (make(m.config) if default else make(m.config, "cpu"))[0]
            assert m.inv_freq.dtype == torch.float64


def in_base(model, name):
    return name.startswith(model.base_model_prefix + ".")


def make_model(name, s):
    family = AutoModelForCausalLM if s["language"] else AutoModelForSequenceClassification
    model = family.from_config(make_config(name, s))
    with torch.no_grad():
        for key, value in model.named_parameters():
            is_scale = value.dim() == 1 and key.endswith("weight")
            value.copy_(1 + 0.2 * torch.randn_like(value) if is_scale else
                        torch.randn_like(value) * (0.2 if value.dim() == 2 else 0.1))
            if s["bare"] and not in_base(model, key):
                value.copy_(filled(value))
    return model.eval()


def make_batch(s, config):
    lengths, labels = s["lengths"], s["labels"]
    ids = [torch.randint(5, WORDS, (n,)) for n in lengths]
    if config.model_type in PADDED:
        ids[0][-1] = config.pad_token_id
    for x in ids if config.model_type in ("t5", "bart") else []:
        x[-1] = config.eos_token_id
    if config.model_type in ("t5", "bart"):  # the last one counts, not the last token
        ids[0][1] = ids[0][-2] = config.eos_token_id
        ids[0][-1] = 9
    if config.model_type in ("gpt2", "llama", "qwen2", "qwen3") and config.pad_token_id is not None and not s["language"]:
        ids[0][-2:] = config.pad_token_id
    if s["pads"]:  # within a text, where the layers above read it
        ids[-1][1] = ids[-1][3] = config.pad_token_id
    types = [torch.zeros(n, dtype=torch.long) for n in lengths]
    for t in types if s["pairs"] else []:
        t[len(t) // 2:] = 1
    for t in types if config.model_type == "xlnet" else []:
        t[-1] = 2
    if s["problem"] == "regression":
        label = torch.randn(len(lengths), dtype=torch.float64).float().double()
    elif s["problem"]:
        label = torch.randint(0, 2, (len(lengths), labels)).double()
    else:
        label = torch.randint(0, labels, (len(lengths),))
    return ids, types, label


def run_language(model, ids):
    """of each sequence the sum of its losses and how many tokens were the likeliest; their mean"""
    rows, total = [], 0
    for i in ids:
        out = model(input_ids=i[None], labels=i[None])
        n = len(i) - 1
        total = total + n * out.loss
        hits = (out.logits[0, :-1].argmax(-1) == i[1:]).sum()
        rows.append(torch.stack([n * out.loss.detach(), hits.double()]))
    return torch.stack(rows), total / sum(len(i) - 1 for i in ids)


def run(model, ids, types, label):
    """one sequence at a time: nothing is padded"""
    uses_types = getattr(model.config, "type_vocab_size", 1) > 1 and any(t.any() for t in types)
    uses_types = uses_types or model.config.model_type == "xlnet"
    rows = []
    for i, t in zip(ids, types):
        inputs = {"input_ids": i[None]}
        if uses_types and model.config.model_type not in ("roberta", "xlm-roberta"):
            inputs["token_type_ids"] = t[None]
        rows.append(model(**inputs).logits)
    logits = torch.cat(rows)
    kind = model.config.problem_type
    if kind == "regression":
        return logits, torch.nn.functional.mse_loss(logits[:, 0], label)
    if kind == "multi_label_classification":
        return logits, torch.nn.functional.binary_cross_entropy_with_logits(logits, label)
    return logits, torch.nn.functional.cross_entropy(logits, label)


def saved_tensors(model, s):
    tensors, seen = {}, set()
    for key, value in model.state_dict().items():
        if value.data_ptr() in seen:
            continue
        seen.add(value.data_ptr())
        if not s["bare"]:
            tensors[key] = value.clone().float().contiguous()
        elif in_base(model, key):
            tensors[key[len(model.base_model_prefix) + 1:]] = value.clone().float().contiguous()
    if s["bare"] and model.config.model_type == "gpt2":  # as its older files
        tensors["h.0.attn.bias"] = torch.ones(1, 1, 3, 3).tril()
        tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    if s["bare"] and model.config.model_type == "t5":
        shared = tensors.pop("shared.weight")
        tensors["encoder.embed_tokens.weight"] = shared
        tensors["decoder.embed_tokens.weight"] = shared.clone()
    return tensors


def write_config(model, s, path):
    known, plain = model.config.to_dict(), type(model.config)().to_dict()
    config = {k: v for k, v in known.items() if v != plain.get(k)}
    config["model_type"] = known["model_type"]
    for key in ("transformers_version", "architectures", "dtype", "label2id", "_name_or_path"):
        config.pop(key, None)
    if s["bare"] or s["language"]:
        config.pop("id2label", None)
        config.pop("problem_type", None)
    elif "id2label" not in config:
        config["id2label"] = {str(i): "LABEL_%d" % i for i in range(s["labels"])}
    with open(path, "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
        f.write("\n")


def main():
    torch.set_num_threads(1)
    for number, (name, s) in enumerate(MODELS.items()):
        if len(sys.argv) > 2 and name.split("/")[0] not in sys.argv[2:]:
            continue
        torch.manual_seed(200 + number)
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        model = make_model(name, s)
        ids, types, label = make_batch(s, model.config)
        tensors = saved_tensors(model, s)
        with Double():
            model = model.double()
            exact_angles(model)
            logits, loss = run_language(model, ids) if s["language"] else run(model, ids, types, label)
            loss.backward()
        assert logits.dtype == loss.dtype == torch.float64
        expected = {"grad." + k.removeprefix(model.base_model_prefix + "."): v.grad
                    for k, v in model.named_parameters() if v.grad is not None}
        expected.update(ids=torch.cat(ids), segment=torch.cat(types), label=label,
                        start=torch.tensor([0] + s["lengths"]).cumsum(0),
                        logits=logits.detach(), loss=loss.detach())
        write_config(model, s, os.path.join(folder, "config.json"))
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        expected = {k: v.float().contiguous() for k, v in expected.items()}
        save_file(expected, os.path.join(folder, "expected.safetensors"))
        size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
        print("%-24s loss %.4f, %d bytes" % (name, float(loss), size))


if __name__ == "__main__":
    main()
