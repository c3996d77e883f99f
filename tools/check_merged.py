#!/usr/bin/env python3
"""Loads a merged folder with `transformers` and compares its logits with those of idim.

    tools/check_merged.py IDIM MODEL ADAPTER FILE.tsv COLUMN[,COLUMN]

Merges into a temporary folder, labels the first 64 rows of the file with both, prints the largest
difference, and exits with 1 when it is above 1e-5 or when a label's name differs. Needs torch and
transformers.

SPDX-License-Identifier: MIT
"""

import csv
import json
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main(idim, model, adapter, path, columns):
    with open(path, encoding="utf-8") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))[:64]
    names = columns.split(",")
    with tempfile.TemporaryDirectory() as folder:
        merged, few = f"{folder}/merged", f"{folder}/few.tsv"
        with open(few, "w", encoding="utf-8") as f:
            f.write("\t".join(names) + "\n")
            f.writelines("\t".join(row[name] for name in names) + "\n" for row in rows)
        subprocess.run([idim, "merge", "--model", model, "--adapter", adapter, "--output-dir", merged],
                       check=True, stdout=subprocess.DEVNULL)
        result = subprocess.run(
            [idim, "predict", "--model", model, "--adapter", adapter, "--test", few, "--text", columns,
             "--logits", "--json", "--quiet"], check=True, capture_output=True)
        ours = json.loads(result.stdout)["predictions"]

        tokenizer = AutoTokenizer.from_pretrained(merged)
        theirs = AutoModelForSequenceClassification.from_pretrained(merged).eval()
        worst, wrong = 0.0, 0
        for row, ours_of_row in zip(rows, ours, strict=True):
            inputs = tokenizer(*(row[name] for name in names), truncation=True, max_length=128,
                               return_tensors="pt")
            with torch.no_grad():
                logits = theirs(**inputs).logits[0]
            worst = max(worst, float((logits - torch.tensor(ours_of_row["logits"])).abs().max()))
            if len(logits) > 1:
                wrong += theirs.config.id2label[int(logits.argmax())] != ours_of_row["label"]
    print(f"{type(theirs).__name__}: {len(rows)} rows, logits differ by at most {worst:.2g}, "
          f"{wrong} labels differ")
    return worst <= 1e-5 and wrong == 0


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    sys.exit(0 if main(*sys.argv[1:]) else 1)
