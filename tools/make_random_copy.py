"""Makes a randomly initialised copy of a model folder: the same config and tokenizer, no pre-training.

    python tools/make_random_copy.py MODEL OUT [SEED]

For the study that asks what pre-training is worth: d90 of the copy beside that of the original.
SPDX-License-Identifier: MIT
"""
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.manual_seed(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    model = AutoModel.from_config(AutoConfig.from_pretrained(source))
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (source / name).exists():
            shutil.copy(source / name, out / name)


if __name__ == "__main__":
    main()
