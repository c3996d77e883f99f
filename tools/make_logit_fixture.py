"""Logits of the real MiniLM for the first 100 MRPC dev pairs, in PyTorch.

    python tools/make_logit_fixture.py MODEL MRPC/dev.tsv > tests/fixtures/minilm/mrpc_logits.h

The classifier, which the model lacks, is weight[k][j] = sin(1 + 384 k + j), bias 0. Each pair runs alone, without padding. Prints a C header with the
logits and the SHA-256 of all ids laid end to end as 32-bit little-endian numbers.

SPDX-License-Identifier: MIT
"""
import hashlib
import struct
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main():
    torch.set_num_threads(1)
    folder, dev = sys.argv[1:]
    rows = [line.rstrip("\r\n").split("\t")
            for line in open(dev, encoding="utf-8-sig", newline="\n")][1:101]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    model.eval()
    digest = hashlib.sha256()
    logits = []
    with torch.no_grad():
        index = torch.arange(2 * 384, dtype=torch.float64)
        model.classifier.weight.copy_(torch.sin(1 + index).reshape(2, 384))
        model.classifier.bias.zero_()
        for row in rows:
            inputs = tokenizer(row[3], row[4], truncation=True, max_length=128,
                               return_tensors="pt")
            ids = inputs["input_ids"][0].tolist()
            digest.update(struct.pack("<%di" % len(ids), *ids))
            logits.append(model(**inputs).logits[0].tolist())
    print("/* Made by tools/make_logit_fixture.py with torch %s. SPDX-License-Identifier: MIT */"
          % torch.__version__.split("+")[0])
    print('static const char mrpc_ids_hash[] = "%s";' % digest.hexdigest())
    print("static const double mrpc_logits[%d][2] = {" % len(logits))
    for pair in logits:
        print("    {%.8g, %.8g}," % tuple(pair))
    print("};")


if __name__ == "__main__":
    main()
