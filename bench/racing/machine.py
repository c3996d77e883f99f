"""What the machine is, and the models of the race that are made rather than fetched.

SPDX-License-Identifier: MIT
"""
import glob
import json
import os
import platform
import shutil
import subprocess

SHAPES = {
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
}

MAKE = """
import sys, torch
from transformers import BertConfig, BertModel
torch.manual_seed(1)
BertModel(BertConfig(**%r)).save_pretrained(sys.argv[1])
"""


def make_model(folder, name, tokenizer_from, python):
    """A model of this shape with random weights, made once; BERT's vocabulary is MiniLM's."""
    path = os.path.join(folder, name)
    if not os.path.exists(os.path.join(path, "model.safetensors")):
        subprocess.run([python, "-c", MAKE % SHAPES[name], path], check=True, stderr=subprocess.DEVNULL)
        for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            if os.path.exists(os.path.join(tokenizer_from, file)):
                shutil.copy(os.path.join(tokenizer_from, file), path)
    return path


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return ""


def describe():
    cpu, flags = platform.processor(), []
    try:
        lines = dict(line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line)
        values = {key.strip(): value.strip() for key, value in lines.items()}
        cpu = "%s, family %s model %s" % (values["model name"], values["cpu family"], values["model"])
        wanted = ("avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_bf16", "avx512_vnni",
                  "amx_tile", "amx_bf16")
        flags = [f for f in values["flags"].split() if f in wanted]
    except (OSError, KeyError):
        pass
    dnnl = sorted(glob.glob("/usr/lib*/*/libdnnl.so.*.*") + glob.glob("/usr/lib*/libdnnl.so.*.*"))
    return {"cpu": cpu, "flags": flags, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "compiler": first_line("cc", "--version"), "onednn": [os.path.basename(d) for d in dnnl],
            "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}


def preloads():
    """Allocators and OpenMP runtimes there are, by name: what LD_PRELOAD is given."""
    names = {"tcmalloc": "libtcmalloc_minimal.so*", "jemalloc": "libjemalloc.so*", "iomp": "libiomp5.so*"}
    found = {}
    for name, pattern in names.items():
        for folder in ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib"):
            hits = sorted(glob.glob(os.path.join(folder, pattern)))
            if hits:
                found.setdefault(name, hits[0])
    return found


def dump(path, what):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w") as out:
        json.dump(what, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)
