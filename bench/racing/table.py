"""A finished race as Markdown: every contestant of every heat, then each figure beside its target.

SPDX-License-Identifier: MIT
"""
import json
import statistics

from racing import pieces

MODELS = {"minilm": "MiniLM-L6", "base": "BERT-base shape", "large": "BERT-large shape"}
OURS, OURS_FULL, OURS_BF16 = "idim said, d = 500", "idim full", "idim said, d = 500, bf16"
FULL, SAID = "PyTorch full", "PyTorch SAID, d = 500"

# model, workload, what: a ratio to (contestant, padding), the share of the peak, GB of memory
TARGETS = [
    ("minilm", "full", (FULL, "128"), 0.80), ("minilm", "full", (SAID, "128"), 0.35),
    ("minilm", "full", "share", 0.76), ("minilm", "full", "memory", 0.85),
    ("minilm", "mixed", (FULL, "128"), 0.33), ("minilm", "mixed", (SAID, "128"), 0.15),
    ("minilm", "mixed", "share", 0.76), ("minilm", "mixed", "memory", 0.5),
    ("minilm", "mixed", (FULL, "longest"), 0.65), ("minilm", "mixed", (SAID, "longest"), 0.30),
    ("base", "full", (FULL, "128"), 0.80), ("base", "full", (SAID, "128"), 0.45),
    ("base", "full", "share", 0.82), ("base", "full", "memory", 3.2),
    ("base", "mixed", (FULL, "128"), 0.32), ("base", "mixed", (SAID, "128"), 0.19),
    ("base", "mixed", "share", 0.80), ("base", "mixed", "memory", 2.0),
    ("minilm", "full", "projection", 0.02), ("base", "full", "projection", 0.02),
    ("minilm", "mixed", "bf16", 0.6), ("base", "full", "bf16", 0.6),
    ("minilm", "mixed", "bf16 projection", 0.05), ("base", "mixed", "bf16 projection", 0.05),
]


def find(heat, name, mode):
    return next((c for c in heat["contestants"] if c["name"] == name and c["mode"] == mode), None)


def ratios(ours, theirs):
    return [a / b for a, b in zip(ours["seconds"], theirs["seconds"])]


def spread(values, form="%.2f"):
    return (form + " (" + form + " - " + form + ")") % (statistics.median(values), min(values), max(values))


def shares(heat, one):
    return [one["flop"] / s / peak for s, peak in zip(one["seconds"], heat["gemm"])]


def projection_share(one):
    return [(p["push"] + p["pull"]) / sum(p.values()) for p in one["parts"]]


# ---- what was measured -------------------------------------------------------------------------------


def ratio_cell(heat, name, one):
    ours = find(heat, name, "packed")
    return spread(ratios(ours, one)) if ours and not one["name"].startswith("idim") else ""


def heat_rows(heat):
    yield "%s, %s" % (MODELS[heat["model"]], heat["title"])
    yield ""
    yield "| | padded to | s a step | tokens/s | said / it | full / it | peak memory | its state |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    tokens = heat["tokens"] / heat["batches"]
    for one in heat["contestants"]:
        seconds = statistics.median(one["seconds"])
        mode = {"packed": "nothing", "sorted": "longest, sorted"}.get(one["mode"], one["mode"])
        yield "| %s | %s | %.3f | %.0f | %s | %s | %.2f GB | %.2f GB |" % (
            one["name"], mode, seconds, tokens / seconds, ratio_cell(heat, OURS, one),
            ratio_cell(heat, OURS_FULL, one), 1e-9 * one["peak_bytes"], 1e-9 * one["state"]["state_bytes"])
    yield ""
    for one in heat["contestants"]:
        if "parts" in one:
            parts = {k: statistics.median(p[k] for p in one["parts"]) for k in one["parts"][0]}
            whole = sum(parts.values())
            yield "%s: %s of the peak of %.0f GFLOP/s in fp32; %s; %.2f numbers held a weight before a step." % (
                one["name"], spread(shares(heat, one)), 1e-9 * statistics.median(heat["gemm"]),
                ", ".join("%s %.1f %%" % (k, 100 * v / whole) for k, v in parts.items()),
                one["state"]["state_bytes"] / 4 / one["state"]["weights"])
            yield ""


# ---- beside the targets ------------------------------------------------------------------------------


def figure(heats, workload, what):
    """Name and values of a figure, from the first heat that has what it needs."""
    for heat in (h for h in heats if h["workload"] == workload):
        ours, bf16 = find(heat, OURS, "packed"), find(heat, OURS_BF16, "packed")
        theirs = find(heat, *what) if isinstance(what, tuple) else None
        if theirs:
            return "said / %s padded to %s" % what, ratios(ours, theirs)
        if what == "share":
            return "share of the gemm peak", shares(heat, ours)
        if what == "memory":
            return "peak memory of said, GB", [1e-9 * ours["peak_bytes"]]
        if what == "projection":
            return "push + pull of a padded fp32 step", projection_share(ours)
        if what == "bf16" and bf16:
            return "bf16 / fp32", ratios(bf16, ours)
        if what == "bf16 projection" and bf16:
            return "push + pull of a packed bf16 step", projection_share(bf16)
    return None


def target_rows(result):
    yield "| model | batch | figure | measured | target | |"
    yield "| --- | --- | --- | ---: | ---: | --- |"
    for model, workload, what, limit in TARGETS:
        heats = [h for h in result["heats"] if h["model"] == model]
        found = figure(heats, workload, what)
        if found is None:
            continue
        title = next(h["title"] for h in heats if h["workload"] == workload)
        value = statistics.median(found[1])
        at_least = what == "share"
        reached = value >= limit if at_least else value <= limit
        form = "%.3f" if "projection" in str(what) else "%.2f"
        measured = spread(found[1], form) if len(found[1]) > 1 else form % value
        yield "| %s | %s | %s | %s | %s %.2f | %s |" % (
            MODELS[model], title, found[0], measured, ">=" if at_least else "<=", limit,
            "reached" if reached else "missed")


def head_rows(result):
    m, versions = result["machine"], {}
    for heat in result["heats"]:
        for one in heat["contestants"]:
            versions.update({k: one["state"][k] for k in ("version", "kernels", "torch", "transformers", "peft",
                                                          "capability") if k in one["state"]})
    yield "%s (%s), %d threads; %s; %s; idim %s with %s kernels; PyTorch %s (%s), transformers %s, PEFT %s." % (
        m["cpu"], " ".join(m["flags"]), result["threads"], m["compiler"], ", ".join(m["onednn"][:1]),
        versions.get("version"), versions.get("kernels"), versions.get("torch"), versions.get("capability"),
        versions.get("transformers"), versions.get("peft"))
    slow, fast = (pick(t["seconds"] for t in result["torch_trials"]) for pick in (max, min))
    yield "PyTorch ran with what made its full step fastest of %d trials (%.3f s to %.3f s): products by %s, " \
        "allocator %s, OpenMP runtime %s." % (len(result["torch_trials"]), slow, fast, *(
            result["torch"][k] for k in ("products", "allocator", "openmp")))
    yield "State: weights, what is made of them, moments, and PyTorch's gradients. Medians of the rounds, with least and most; " \
        "a ratio is of two turns of one round. Taken in %s minutes, load %.1f at the start." % (result.get("minutes", "?"), m["load_at_start"] or 0)


def tables(path):
    with open(path) as file:
        result = json.load(file)
    lines = [*head_rows(result), "", *target_rows(result)]
    for heat in result["heats"]:
        lines += ["", *heat_rows(heat)]
    if "pieces" in result:
        lines += pieces.markdown(result["pieces"])
    return "\n".join(lines)
