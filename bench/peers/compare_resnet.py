#!/usr/bin/env python3
"""dlfs beside PyTorch (resnet.py) on this machine, in alternating pairs: one command, one table of ratios.

    compare_resnet.py [DLFS] [--only train50-256-bf16,infer50-32-f16] [--pairs 3] [--seconds 570] [--device cuda] [--modes graph]

DLFS is the program (build/release/dlfs). A name is what, ResNet, x side where it is not 224, batch and precision; resnet18
on 32x32, with 10 classes, is train18x32-512-bf16, and resnet18_small there train18small-512-bf16; -fast behind f16 is our
--fast. PyTorch is compiled once and then stands by. No further name is begun once --seconds may not suffice for it. Losses and
logits stand in the JSON lines: both sides must have learned.
"""
import argparse
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
USUAL = ("train50-256-bf16,train50-256-f16-fast,infer50-32-f16,infer50-1-f16,infer50-256-f16,train18x32-512-bf16,train18x32-512-f16,"
         "train50-64-bf16,train50-64-f16,infer50-32-bf16,infer50-1-bf16,infer50-256-bf16")


def words(given):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dlfs", nargs="?", default=str(HERE.parents[1] / "build/release/dlfs"))
    parser.add_argument("--only", default=USUAL)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=570)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--modes", default="")
    parser.add_argument("--rounds", type=int, default=9, help="of each measurement")
    return parser.parse_args(given)


def work_of(name):
    found = re.fullmatch(r"(train|infer)(\d+)(?:x(\d+)|(small))?-(\d+)-(f32|tf32|f16|bf16)(-fast)?", name)
    if not found:
        sys.exit(f"compare_resnet.py: {name} is no name as train50-256-bf16 or train18x32-512-f16")
    what, depth, side, small, batch, precision, fast = found.groups()
    side = "32" if small else side
    return {"what": what, "model": f"resnet{depth}{'_small' if small else ''}", "side": side or "224", "batch": batch,
            "precision": precision, "classes": "10" if side else "1000", "fast": ["--fast"] if fast else []}


def ours(asked, work):
    """A line of `dlfs bench`."""
    run = subprocess.run([asked.dlfs, "bench", work["what"], work["model"], "--batch", work["batch"], "--precision", work["precision"],
                          *work["fast"], "--size", work["side"], "--classes", work["classes"], "--rounds", str(asked.rounds),
                          "--device", "gpu:0" if asked.device == "cuda" else "cpu"], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip() or f"dlfs ended with {run.returncode}")
    line = next(json.loads(text) for text in run.stdout.splitlines() if text.startswith("{"))
    if line["finite"] != "yes":
        raise RuntimeError(f"dlfs computed what is not finite: {line}")
    return line


class Peer:
    def __init__(self, asked, work):
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", str(HERE / "resnet.py"), work["what"], work["model"], work["batch"],
                                         work["precision"], "--side", work["side"], "--classes", work["classes"], "--device", asked.device,
                                         "--modes", asked.modes, "--rounds", str(asked.rounds), "--stand-by"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()  # it has warmed up

    def read(self):
        for text in self.process.stdout:
            if text.startswith("{"):
                return json.loads(text)
        raise RuntimeError(f"PyTorch's side ended with {self.process.wait()}")

    def again(self):
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return self.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(asked, name, work):
    peer = Peer(asked, work)
    try:
        pairs = []
        for _ in range(asked.pairs):
            mine = ours(asked, work)
            theirs = peer.again()
            # From milliseconds: a rate of whole images says too little of a CPU.
            pairs.append((1e3 * int(work["batch"]) / mine["ms"], theirs["images_per_s"]))
            print(json.dumps({"name": name, "dlfs": mine}), json.dumps({"name": name, "pytorch": theirs}), sep="\n", flush=True)
    finally:
        peer.end()
    if work["what"] == "train":
        for side, line in (("dlfs", mine), ("PyTorch", theirs)):
            if not (math.isfinite(line["loss_after_20"]) and line["loss_after_20"] < line["first_loss"]):
                raise RuntimeError(f"{side} did not learn: {line['first_loss']}, after 20 steps {line['loss_after_20']}")
    ratios = [a / b for a, b in pairs]
    return {"name": name, "dlfs": statistics.median(a for a, _ in pairs), "peer": statistics.median(b for _, b in pairs),
            "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios), "mode": theirs["mode"],
            "memory": tuple(line.get("peak_bytes", 0) / 2**30 for line in (mine, theirs))}


def main(given=None):
    asked = words(given)
    begin, longest, rows, left_out = time.monotonic(), 0.0, [], []
    works = {name: work_of(name) for name in asked.only.split(",")}
    for name, work in works.items():
        from_here = time.monotonic()
        if from_here - begin + longest > asked.seconds:
            left_out.append(f"{name}: no time left")
            continue
        try:
            rows.append(compare(asked, name, work))
        except (RuntimeError, OSError) as error:
            left_out.append(f"{name}: {error}")
        longest = max(longest, time.monotonic() - from_here)
    print(f"\n{'images/s':<22}{'dlfs':>10}{'PyTorch':>10}{'ratio':>8}{'least':>8}{'most':>8}{'GiB':>8}{'theirs':>8}  mode")
    for row in rows:
        print(f"{row['name']:<22}{row['dlfs']:>10,.1f}{row['peer']:>10,.1f}{row['ratio']:>8.3f}{row['least']:>8.3f}{row['most']:>8.3f}"
              f"{row['memory'][0]:>8.1f}{row['memory'][1]:>8.1f}  {row['mode']}")
    for line in left_out:
        print(f"left out: {line}")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
