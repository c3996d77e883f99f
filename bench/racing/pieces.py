"""The second part: the pieces of a step, each by itself, from bench_pieces and bench_projection.

SPDX-License-Identifier: MIT
"""
import os
import subprocess


def run(build, threads):
    """{program: {title, columns, rows}}: their tables as they print them"""
    out = {}
    for program in ("bench_pieces", "bench_projection"):
        text = subprocess.run([os.path.join(build, program), str(threads)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        title, columns, *rows = text.splitlines()
        out[program] = {"title": title, "columns": columns.split("  "),
                        "rows": [r.split() for r in rows]}
        out[program]["columns"] = [c.strip() for c in columns.split("  ") if c.strip()]
    return out


def markdown(found):
    lines = []
    for part in found.values():
        lines += ["", part["title"], "", "| " + " | ".join(part["columns"]) + " |",
                  "|" + " --- |" * len(part["columns"])]
        for row in part["rows"]:
            cells = row + [""] * (len(part["columns"]) - len(row))
            lines.append("| " + " | ".join(cells) + " |")
    return lines
