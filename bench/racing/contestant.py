"""A contestant: a process that stays resident and does steps on command, and how it is told to.

SPDX-License-Identifier: MIT
"""
import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLE = 0.2  # seconds: threads of the one before may still spin


class Contestant:
    """name: for people; modes: the paddings it runs a workload of mixed lengths in."""

    def __init__(self, name, command, environment, modes):
        self.name, self.modes = name, modes
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
        self.process = subprocess.Popen(command, env={**inherited, **environment}, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended with status %s" % (self.name, self.process.wait()))
        return json.loads(line)

    def turn(self, file, steps, mode):
        time.sleep(SETTLE)
        return self.ask("step", file, steps, mode)

    def peak_bytes(self):
        for line in open("/proc/%d/status" % self.process.pid):
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
        return 0

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def ours(settings, method, dim, precision, model, files):
    name = "idim %s%s%s" % (method, ", d = {:,}".format(dim) if dim else "",
                            ", bf16" if precision == "bf16" else "")
    return Contestant(name, [settings["program"], model, method, str(dim), precision,
                             str(settings["threads"]), *files], {}, ["packed"])


TITLES = {"full": "PyTorch full", "said": "PyTorch SAID", "said-short": "PyTorch SAID, short first transform",
          "lora": "PEFT LoRA", "unilora": "PEFT Uni-LoRA"}


def title(kind):
    what, _, number = kind.removesuffix("-bf16").partition(":")
    unit = " r = " if what == "lora" else ", d = "
    return TITLES[what] + (unit + number if number else "") + (", bf16" if kind.endswith("-bf16") else "")


def peer(settings, kind, model, files, modes, choice=None):
    """choice: products, allocator and OpenMP runtime, by name; what the trial chose is the default"""
    choice = choice or settings["torch"]
    libraries = [settings["preloads"][n] for n in (choice["allocator"], choice["openmp"])
                 if n in settings["preloads"]]
    environment = {"OMP_NUM_THREADS": str(settings["threads"]), "LD_PRELOAD": ":".join(libraries),
                   "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    if choice["openmp"] == "iomp":  # threads stay where they are, and do not spin into others' turns
        environment.update(KMP_AFFINITY="granularity=fine,compact,1,0", KMP_BLOCKTIME="1")
    if choice["allocator"] == "glibc-kept":  # the C library's own, which then gives nothing back
        environment.update(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_=str(1 << 40),
                           MALLOC_TOP_PAD_=str(1 << 26))
    command = [settings["python"], os.path.join(HERE, "peer.py"), model, kind, str(settings["threads"]),
               choice["products"], *files]
    return Contestant(title(kind), command, environment, modes)
