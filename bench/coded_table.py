"""Bytes against score: runs `idim tune` at several d, plain and coded, and prints a Markdown table.

    python bench/coded_table.py build/idim OUT --dims 50,200,500,1000,2000,5000 -- --model M --train ...

Everything behind `--` goes to every run; `idim bound` gets the model and the data of it. Of each d: the
score of the plain run, that of the run trained and coded to --bytes, the bytes of its file, the bits that
its bound counts, the bound and the error on the held-out rows. Runs that OUT holds already are not done
again. With --full the smallest file that reaches 90 % of that score is named.
SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import subprocess
import sys

from table import run

BOUND_TAKES = ("--model", "--task", "--data", "--train", "--dev", "--test", "--text", "--label",
               "--max-train-samples", "--max-eval-samples", "--threads")


def bound(idim, out, name, shared):
    """The record of `idim bound` for a run's adapter, kept beside it; {} where it is refused."""
    folder = os.path.join(out, name)
    path = os.path.join(folder, "bound.json")
    if not os.path.exists(path):
        options = [o for i in range(0, len(shared) - 1) if shared[i] in BOUND_TAKES
                   for o in shared[i:i + 2]]
        done = subprocess.run([idim, "bound", "--adapter", os.path.join(folder, "adapter.idim"), "--json",
                               "--quiet", *options], capture_output=True, text=True)
        if done.returncode != 0:
            return {}
        with open(path, "w") as f:
            f.write(done.stdout)
    return json.load(open(path))


def score(record):
    scores = record["eval"].get("test") or record["eval"]["dev"]
    return scores[record["metric"]]


def main():
    split = sys.argv.index("--")
    p = argparse.ArgumentParser()
    p.add_argument("idim")
    p.add_argument("out")
    p.add_argument("--methods", default="said")
    p.add_argument("--dims", default="50,200,500,1000,2000,5000")
    p.add_argument("--bytes", default="1000")
    p.add_argument("--bits", default="", help="bits a number instead of --bytes")
    p.add_argument("--coding-steps", default="")
    p.add_argument("--seeds", default="42")
    p.add_argument("--full", type=float, default=0, help="score of full fine-tuning, a fraction")
    p.add_argument("--no-bound", action="store_true")
    p.add_argument("--no-plain", action="store_true")
    a = p.parse_args(sys.argv[1:split])
    shared = sys.argv[split + 1:]
    limit = ["--bits", a.bits] if a.bits else ["--max-adapter-bytes", a.bytes]
    if a.coding_steps:
        limit += ["--coding-steps", a.coding_steps]
    smallest = None
    print("| run | plain | coded | bytes | bits counted | training error | bound | held-out error |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seed in a.seeds.split(","):
        for method in a.methods.split(","):
            for dim in a.dims.split(","):
                name = "%s-d%s-seed-%s" % (method, dim, seed)
                options = ["--method", method, "--dim", dim, "--seed", seed, *shared]
                plain = {} if a.no_plain else run(a.idim, a.out, name, options)
                coded_name = name + "-" + "-".join(limit).replace("--", "")
                coded = run(a.idim, a.out, coded_name, options + limit)
                if "failed" in coded:
                    print("| %s d = %s, seed %s | exit %d |" % (method, dim, seed, coded["failed"]))
                    continue
                b = {} if a.no_bound else bound(a.idim, a.out, coded_name, shared)
                c, held = b.get("bound"), b.get("held_out", {})
                held = held.get("test") or held.get("dev")
                size = coded["coding"]["bytes"]
                print("| %s d = %s, seed %s | %s | %.1f | %d | %s | %s | %s | %s |" % (
                    method, dim, seed, "%.1f" % (100 * score(plain)) if "eval" in plain else "",
                    100 * score(coded), size, c["bits"] if c else "",
                    "%.4f" % c["train_error"] if c else "", "%.4f" % c["bound"] if c else "",
                    "%.4f" % held["error"] if held else ""), flush=True)
                if score(coded) >= 0.9 * a.full and (smallest is None or size < smallest[0]):
                    smallest = (size, "%s d = %s, seed %s" % (method, dim, seed))
    if a.full > 0:
        print("90 %% of %.1f: %s" % (100 * a.full,
                                     "%d bytes (%s)" % smallest if smallest else "not reached"))


if __name__ == "__main__":
    main()
