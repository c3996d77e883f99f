"""Runs `idim tune` over methods and dimensions and prints a Markdown table: last and best dev score.

    python bench/table.py build/idim OUT --dims 50,200,500,2000,10000 -- --model M --task mrpc ...

Everything behind `--` goes to every run. Runs that OUT holds already are not done again, so the
table can be printed at any time. SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import subprocess
import sys


def run(idim, out, name, options):
    folder = os.path.join(out, name)
    record = os.path.join(folder, "record.json")
    if not os.path.exists(record):
        command = [idim, "tune", "--output-dir", folder, "--quiet", *options]
        done = subprocess.run(command, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            return {"failed": done.returncode}
    for bulky in ("adapter.idim", "best.idim"):
        path = os.path.join(folder, bulky)
        if os.path.exists(path) and os.path.getsize(path) > 8 << 20:
            os.remove(path)
    return json.load(open(record))


def row(name, record):
    if "failed" in record:
        return "| %s | exit %d | | | | | |" % (name, record["failed"])
    dev = record["eval"].get("dev") or record["eval"]["test"]
    trained = record["trained"]
    return "| %s | %d | %.1f | %.1f | %d | %.3g | %.0f |" % (
        name, sum(trained.values()), 100 * dev[record["metric"]], 100 * record["best"]["score"],
        record["steps"], record["settings"]["learning_rate"], record["seconds"])


def main():
    split = sys.argv.index("--")
    p = argparse.ArgumentParser()
    p.add_argument("idim")
    p.add_argument("out")
    p.add_argument("--methods", default="said,did")
    p.add_argument("--dims", default="")
    p.add_argument("--others", default="", help="head, bias, full")
    p.add_argument("--seeds", default="42")
    a = p.parse_args(sys.argv[1:split])
    shared = sys.argv[split + 1:]
    print("| run | numbers trained | last | best | steps | rate | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    plan = [("%s d = %s" % (m, d), ["--method", m, "--dim", d])
            for m in filter(None, a.methods.split(",")) for d in filter(None, a.dims.split(","))]
    plan += [(m, ["--method", m]) for m in filter(None, a.others.split(","))]
    record = None
    for seed in a.seeds.split(","):
        for name, options in plan:
            title = name if seed == "42" else "%s, seed %s" % (name, seed)
            folder = title.replace(" = ", "").replace(", ", "-").replace(" ", "-")
            record = run(a.idim, a.out, folder, options + ["--seed", seed] + shared)
            print(row(title, record), flush=True)
    if record and "failed" not in record:
        majority = record["majority"].get("dev") or record["majority"]["test"]
        print("| majority | 0 | %.1f | | | | |" % (100 * majority[record["metric"]]))


if __name__ == "__main__":
    main()
