"""What --dry-run foretells against what comes: seconds and peak memory of whole commands, in turns.

    python bench/estimates.py build/idim --model M --train F --dev F [--task mrpc --data MRPC]
        [--also OTHER_MODEL] [--rounds 1] [--tolerance 0.2]

Each case is a short run: estimated, run, estimated, the clock around the whole run, from its start to
its end. Prints a Markdown table of the ratios estimated / measured; ends with 1 when the middle one of
a case's ratios is further from 1 than the tolerance. A busy machine moves both sides, so the estimates
on either side of a run are averaged; `make test-long` leaves this out, being a stopwatch.
SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def call(idim, arguments):
    """The record, the seconds around the process and its peak memory in bytes."""
    began = time.monotonic()
    child = subprocess.Popen([idim, *arguments, "--json", "--quiet"], stdout=subprocess.PIPE)
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: ended with {child.returncode}")
    return json.loads(text), time.monotonic() - began, usage.ru_maxrss * 1024


def cases(o):
    """(name, command, arguments) of each run."""
    film = ["--train", o.train, "--dev", o.dev]
    base = ["--model", o.model, *film]
    yield "said", "tune", [*base, "--dim", "500", "--max-steps", "60"]
    yield "full", "tune", [*base, "--method", "full", "--max-steps", "60"]
    yield "full, 64 a batch", "tune", [*base, "--method", "full", "--max-steps", "20",
                                       "--per-device-train-batch-size", "64"]
    yield "said, 4 a batch, 32 tokens", "tune", [*base, "--dim", "500", "--max-steps", "200",
                                                 "--per-device-train-batch-size", "4",
                                                 "--max-seq-length", "32"]
    yield "head", "tune", [*base, "--method", "head", "--max-steps", "200"]
    yield "said, coded, for its bound", "tune", [*base, "--dim", "500", "--max-steps", "60",
                                                 "--for-bound", "--max-train-samples", "3000"]
    yield "said, scored every 10 steps", "tune", [*base, "--dim", "500", "--max-steps", "40",
                                                  "--eval-steps", "10"]
    if o.task:
        yield f"{o.task}, said", "tune", ["--model", o.model, "--task", o.task, "--data", o.data,
                                          "--dim", "500", "--max-steps", "40"]
    for also in o.also:
        name = os.path.basename(os.path.normpath(also))
        yield f"{name}, said", "tune", ["--model", also, *film, "--dim", "500", "--max-steps", "30"]
        yield f"{name}, full", "tune", ["--model", also, *film, "--method", "full", "--max-steps", "20",
                                        "--per-device-train-batch-size", "8"]
    yield "measure", "measure", [*base, "--preset", "quick", "--max-train-samples", "400",
                                 "--max-eval-samples", "200"]
    yield "gradients", "gradients", ["--model", o.model, "--train", o.train, "--dim", "500",
                                     "--max-train-samples", "400"]


def one(idim, command, arguments, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    target = ["--output", f"{folder}/g.npy"] if command == "gradients" else \
             ["--output-dir", f"{folder}/out"]
    line = [command, *arguments, *target]
    before, _, _ = call(idim, [*line, "--dry-run"])
    record, seconds, memory = call(idim, line)
    after, _, _ = call(idim, [*line, "--dry-run"])
    share = 1.0
    if command == "measure":  # the plan has the most runs there can be
        share = record["runs_done"] / before["runs"]
    said = share * (before["seconds"] + after["seconds"]) / 2
    return said, seconds, before.get("peak_memory_bytes"), memory


def row(name, results):
    ratios = [said / seconds for said, seconds, _, _ in results]
    sizes = [f / m for _, _, f, m in results if f]
    middle = statistics.median(ratios)
    said, seconds = (statistics.median(r[i] for r in results) for i in (0, 1))
    memory = f"{statistics.median(m for _, _, _, m in results) / 1e6:.0f} MB"
    sized = f"{statistics.median(sizes):.2f}" if sizes else "-"
    print(f"| {name} | {said:.1f} s | {seconds:.1f} s | {middle:.2f} | {memory} | {sized} |", flush=True)
    return [middle] + ([statistics.median(sizes)] if sizes else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("idim")
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--dev", required=True)
    parser.add_argument("--task")
    parser.add_argument("--data")
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--tolerance", type=float, default=0.2)
    o = parser.parse_args()
    worst = 0.0
    print("| run | estimated | took | ratio | peak memory | estimated / peak |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, command, arguments in cases(o):
            if o.only and o.only not in name:
                continue
            results = [one(o.idim, command, arguments, folder) for _ in range(o.rounds)]
            worst = max(worst, *(abs(ratio - 1) for ratio in row(name, results)))
    print(f"\nthe furthest from 1: {worst:.2f}", file=sys.stderr)
    return 1 if worst > o.tolerance else 0


if __name__ == "__main__":
    sys.exit(main())
