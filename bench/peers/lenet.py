#!/usr/bin/env python3
"""PyTorch's side of the test GpuSpeed.LeNetStep: the same model, formula-made weights and batch, rate and momentum, in eager mode
and in its best mode (compiled, channels-last, fused SGD, the whole step in one CUDA graph). JSON lines."""
import json
import pathlib
import statistics
import sys
import time

import numpy
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from golden import LeNet, random_numbers


def measure(mode, precision, batch):
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = mode != "eager"
    best = mode == "compiled + graph"
    layout = torch.channels_last if best else torch.contiguous_format
    model = LeNet().cuda().to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, fused=best)
    images = torch.from_numpy(random_numbers("lenet/images0", batch * 784, -1, 2)).reshape(batch, 1, 28, 28).cuda()
    images = images.to(memory_format=layout)
    labels = torch.from_numpy(numpy.floor(random_numbers("lenet/labels0", batch, 0, 1).astype(numpy.float64) * 10)
                              .astype(numpy.int64)).cuda()
    forward = torch.compile(model) if best else model
    loss = None

    def step():
        nonlocal loss
        optimizer.zero_grad(set_to_none=not best)
        loss = F.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    done = 0
    if best:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(11):
                step()
        torch.cuda.current_stream().wait_stream(side)
        done = 11
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        run = graph.replay
    else:
        run = step
    while done < 20:
        run()
        done += 1
    final = loss.item()
    seconds = []
    for _ in range(21):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(100):
            run()
        torch.cuda.synchronize()
        seconds.append((time.perf_counter() - start) / 100)
    median = statistics.median(seconds)
    print(json.dumps({"what": "lenet training step", "by": f"PyTorch {torch.__version__}", "mode": mode,
                      "precision": precision, "batch": batch, "microseconds": round(median * 1e6, 1),
                      "images_per_second": round(batch / median), "loss_after_20_steps": round(final, 6)}), flush=True)


if __name__ == "__main__":
    for precision in ("f32", "tf32"):
        for batch in (64, 256):
            for mode in ("eager", "compiled + graph"):
                measure(mode, precision, batch)
