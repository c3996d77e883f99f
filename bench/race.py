"""Our training step against PyTorch's: same weights, same token batches, same threads, in turns.

    python bench/race.py [--quick] [--models minilm,base,large] [--out docs/results/race.json]
    python bench/race.py --table docs/results/race.json

Run by an interpreter that has torch, transformers, peft, safetensors and tokenizers (`make bench`
sees to it). Contestants are processes that stay resident and do a turn, every batch of the workload
once, when it is theirs; a round is a turn of each, forwards and backwards by turns, and the product of
matrices is timed in the same round. The file is written anew after every heat; --table prints what it
says as Markdown.

SPDX-License-Identifier: MIT
"""
import argparse
import os
import statistics
import sys
import time

from racing import batches, contestant, machine, pieces, table

SAID, SAID_LARGE, FULL = ("said", 500, "fp32"), ("said", 5000, "fp32"), ("full", 0, "fp32")
SAID_BF16 = ("said", 500, "bf16")  # where the CPU has it
PADDINGS = {"full": ["sorted", "longest", "128"], "said": ["longest", "128"]}

# model: rounds, then heats: who runs (ours, peers) and on what (kind, examples, batches). All of a heat
# are in memory at once, and where memory is read, what takes less of it comes first.
RACES = {
    "minilm": (4, [
        ([SAID, SAID_LARGE, FULL], ["full", "said:500"], [("mixed", 32, 3), ("full", 32, 1)]),
        ([SAID, SAID_BF16], ["full-bf16", "said-short:500", "lora:8", "unilora:500"],
         [("mixed", 32, 2), ("full", 32, 1)]),
    ]),
    "base": (2, [
        ([SAID, FULL], ["full"], [("mixed", 32, 1), ("full", 32, 1)]),
        ([SAID], ["said:500"], [("mixed", 32, 1), ("full", 32, 1)]),
        ([SAID, SAID_BF16], ["full-bf16"], [("mixed", 32, 1), ("full", 32, 1)]),
        ([SAID], ["lora:8"], [("full", 32, 1)]),
    ]),
    "large": (2, [
        ([SAID, FULL], ["full"], [("full", 4, 1)]),
        ([SAID], ["said:500"], [("full", 4, 1)]),
    ]),
}
QUICK = {"minilm": (2, [([SAID, FULL], ["full", "said:500"], [("mixed", 32, 1), ("full", 32, 1)])])}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


# ---- what PyTorch is given ---------------------------------------------------------------------------


def choose_torch(settings, model, file, quick):
    """Products, allocator and OpenMP runtime, whichever makes a full step fastest, one after the other."""
    names = settings["preloads"]
    allocators = ["glibc", "glibc-kept"] + [n for n in ("tcmalloc", "jemalloc") if n in names]
    choices = {"products": ["stock", "onednn"], "allocator": allocators,
               "openmp": ["gomp"] + [n for n in ("iomp",) if n in names]}
    best, trials = {"products": "stock", "allocator": allocators[-1 if quick else 1], "openmp": "gomp"}, []
    for part in ("products",) if quick else choices:
        seconds = {}
        for value in choices[part]:
            trial = {**best, part: value}
            one = contestant.peer(settings, "full", model, [file], [], trial)
            one.turn(0, 2, "longest")
            seconds[value] = statistics.median(one.turn(0, 3, "longest")["seconds"])
            one.close()
            trials.append({**trial, "seconds": seconds[value]})
            say("  trial:", trials[-1])
        best[part] = min(seconds, key=seconds.get)
    return best, trials


# ---- a heat ----------------------------------------------------------------------------------------


def modes_of(racer, kind, n_batches):
    if racer.modes == ["packed"]:
        return ["packed"]
    if kind == "full":
        return ["128"]
    return [m for m in racer.modes if m != "sorted" or n_batches > 1]


def warm_up(entries, file, steps):
    """A turn that does not count; what is at its peak afterwards."""
    for e in entries:
        e["racer"].turn(file, steps, e["mode"])
        e["peak_bytes"] = e["racer"].peak_bytes()


def run_workload(racers, kind, file, told, rounds):
    entries = [{"name": r.name, "mode": m, "racer": r, "seconds": []}
               for r in racers for m in modes_of(r, kind, told["batches"])]
    first, steps, gemm = racers[0], told["batches"], []
    warm_up(entries, file, steps)
    for r in range(rounds):
        for e in entries if r % 2 == 0 else reversed(entries):
            answer = e["racer"].turn(file, steps, e["mode"])
            e["seconds"].append(sum(answer["seconds"]) / steps)
            e["rows"] = sum(answer["tokens"]) / steps
            if "flop" in answer:
                e["flop"] = sum(answer["flop"]) / steps
                e.setdefault("parts", []).append(e["racer"].ask("parts", file))
        gemm.append(first.ask("gemm", file)["flop_per_second"])
    for e in entries:
        e["state"] = e.pop("racer").ask("state")
        say("  %-34s %-8s %8.3f s" % (e["name"], e["mode"], statistics.median(e["seconds"])))
    return {"workload": kind, **told, "rounds": rounds, "gemm": gemm, "contestants": entries}


def run_heat(settings, model, path, heat, rounds):
    own, peers, loads = heat
    made = [batches.make(settings["folder"], path, settings["data"], settings["reviews"], *w) for w in loads]
    files = [m[0] for m in made]
    own = [o for o in own if "bf16" not in o or settings["has_bf16"]]
    peers = [k for k in peers if not k.endswith("-bf16") or settings["has_bf16"]]
    racers = [contestant.ours(settings, *o, path, files) for o in own]
    racers += [contestant.peer(settings, k, path, files, PADDINGS.get(k.split(":")[0], ["longest"]))
               for k in peers]
    heats = []
    for i, (kind, _, _) in enumerate(loads):
        say(" %s: %s" % (model, made[i][1]["title"]))
        heats.append({"model": model, **run_workload(racers, kind, i, made[i][1], rounds)})
    for r in racers:
        r.close()
    return heats


def race(a, settings):
    began = time.time()
    races = QUICK if a.quick else {m: RACES[m] for m in a.models.split(",")}
    paths = {"minilm": a.model}
    for model in races:
        if model != "minilm":
            paths[model] = machine.make_model(settings["folder"], model, a.model, settings["python"])
    file, _ = batches.make(settings["folder"], a.model, settings["data"], settings["reviews"], "mixed", 32, 1)
    say("what PyTorch does best with")
    settings["torch"], trials = choose_torch(settings, a.model, file, a.quick)
    result = {"schema": "idim.race/1", "machine": machine.describe(), "threads": settings["threads"],
              "torch": settings["torch"], "torch_trials": trials, "heats": []}
    for model, (rounds, heats) in races.items():
        for heat in heats:
            result["heats"] += run_heat(settings, model, paths[model], heat, a.rounds or rounds)
            machine.dump(a.out, result)
    if not a.quick:
        say("pieces")
        result["pieces"] = pieces.run(settings["build"], settings["threads"])
    result["minutes"] = round((time.time() - began) / 60, 1)
    machine.dump(a.out, result)
    return result


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--table", metavar="FILE", help="print the tables of a finished race and do nothing else")
    p.add_argument("--quick", action="store_true", help="MiniLM, two rounds, three peers: about a minute")
    p.add_argument("--models", default="minilm,base,large")
    p.add_argument("--rounds", type=int, default=0, help="0: 4 for MiniLM, 2 for the others")
    p.add_argument("--model", default="demo/model", help="all-MiniLM-L6-v2")
    p.add_argument("--data", default="../shared/data", help="a folder that may hold MRPC/train.tsv")
    p.add_argument("--reviews", default="demo/reviews/train.tsv", help="taken where there is no MRPC")
    p.add_argument("--build", default="build", help="the folder bench_race was built in")
    p.add_argument("--folder", default="build/race", help="for batches and random models")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--out", default="build/race/race.json")
    a = p.parse_args()
    if a.table:
        print(table.tables(a.table))
        return
    os.makedirs(a.folder, exist_ok=True)
    settings = {"program": os.path.join(a.build, "bench_race"), "build": a.build, "folder": a.folder,
                "threads": a.threads, "python": sys.executable, "data": a.data, "reviews": a.reviews,
                "preloads": machine.preloads(),
                "has_bf16": "avx512_bf16" in machine.describe()["flags"]}
    race(a, settings)
    print(table.tables(a.out))


if __name__ == "__main__":
    main()
