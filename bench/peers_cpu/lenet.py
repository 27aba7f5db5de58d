#!/usr/bin/env python3
"""LeNet's training step (batch 64, f32, one thread) by dlfs and by PyTorch on this CPU, in ten alternating pairs.

    bench/peers_cpu/lenet.py [FOLDER]      (FOLDER of dlfs_tests: build/release, or build/bundle)

PyTorch runs in the fastest of its modes here, eager or compiled, channels-last or not. Both sides begin with the same
formula-made weights and batch; the losses after 20 steps must agree. Prints JSON lines, the median of the ratios last.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "tools"))

import numpy
import torch
import torch.nn.functional as F

from golden import LeNet, random_numbers

BATCH, PAIRS, STEPS = 64, 10, 40


def ours(folder):
    """Seconds of a step, and the loss after 20."""
    out = subprocess.run([folder / "dlfs_tests", "--gtest_filter=CpuSpeed.LeNetStep"], check=True, capture_output=True,
                         text=True, cwd=root).stdout
    said = next(json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return said["microseconds"] / 1e6, said["loss_after_20_steps"]


def make_step(mode, layout):
    model = LeNet().to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, fused=mode == "compiled")
    images = torch.from_numpy(random_numbers("lenet/images0", BATCH * 784, -1, 2)).reshape(BATCH, 1, 28, 28)
    images = images.to(memory_format=layout)
    labels = torch.from_numpy(numpy.floor(random_numbers("lenet/labels0", BATCH, 0, 1).astype(numpy.float64) * 10)
                              .astype(numpy.int64))
    forward = torch.compile(model) if mode == "compiled" else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def seconds_of(step, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else root / "build/release"
    best = None
    for mode in ("eager", "compiled"):
        for name, layout in (("contiguous", torch.contiguous_format), ("channels-last", torch.channels_last)):
            step = make_step(mode, layout)
            for _ in range(20):
                loss = step()
            seconds = seconds_of(step, STEPS)
            print(json.dumps({"by": f"PyTorch {torch.__version__}", "mode": f"{mode}, {name}",
                              "milliseconds": round(seconds * 1e3, 2), "loss_after_20_steps": round(loss.item(), 6)}),
                  flush=True)
            if best is None or seconds < best[0]:
                best = (seconds, f"{mode}, {name}", step, loss.item())
    ratios = []
    for _ in range(PAIRS):
        mine, my_loss = ours(folder)
        theirs = seconds_of(best[2], STEPS)
        ratios.append(theirs / mine)
        print(json.dumps({"dlfs_ms": round(mine * 1e3, 2), "pytorch_ms": round(theirs * 1e3, 2),
                          "ratio": round(ratios[-1], 3)}), flush=True)
    if abs(my_loss - best[3]) > 1e-3 * best[3]:
        sys.exit(f"the losses after 20 steps differ: {my_loss} and {best[3]}")
    print(json.dumps({"what": "lenet training step, CPU, one thread", "batch": BATCH, "pytorch_mode": best[1],
                      "ratio_median": round(statistics.median(ratios), 3), "ratio_least": round(min(ratios), 3),
                      "loss_after_20_steps": [round(my_loss, 6), round(best[3], 6)]}))


if __name__ == "__main__":
    main()
