#!/bin/sh
# The layers of docs/layout.md: a folder of src/ includes itself and lower ones, never a neighbour.
#
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

# folder: what it may include beside itself. cli knows the public header alone.
awk '
BEGIN {
    base = "base"; two = base " kernel format"; three = two " tape weights text"
    may["base"] = ""
    may["kernel"] = may["format"] = base
    may["weights"] = may["text"] = two
    may["tape"] = two " weights"
    may["arch"] = three
    may["model"] = three " arch"
    may["subspace"] = may["task"] = three " arch model"
    may["train"] = three " arch model subspace task"
    may["measure"] = three " arch model subspace task train"
    may["cli"] = ""
}
FNR == 1 { split(FILENAME, part, "/"); folder = part[2]; files++ }
match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/) {
    name = substr($0, RSTART, RLENGTH); gsub(/.*include[ \t]*"|"/, "", name)
    to = name; sub(/\/.*/, "", to)
    if (!(folder in may)) { print FILENAME ": folder " folder " is in no layer"; bad++ }
    if (name == "idim.h" || to == folder) next
    if (index(name, "/") == 0) { print FILENAME ":" FNR ": " name ": write it with its folder"; bad++ }
    else if (index(" " may[folder] " ", " " to " ") == 0) {
        print FILENAME ":" FNR ": " folder " includes " name ", which is not below it"; bad++
    }
}
END {
    if (files == 0) { print "no sources found"; exit 1 }
    if (bad) { print bad " includes break the layers"; exit 1 }
    print "layers: " files " files, every include goes down"
}' src/*/*.[ch]
