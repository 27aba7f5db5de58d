#!/usr/bin/env python3
"""PyTorch's side of `dlfs train resnet20` on CIFAR-10 as JPEG files: the same net, first weights of the same law, recipe
(batch 128, SGD 0.1 with a warm-up epoch and along a cosine, Nesterov momentum 0.9, decay 0.0005 on filters alone, flips and
crops) and images. The step is one CUDA graph.

    resnet20.py [FOLDER] [--epochs 60] [--seeds 1,2,3] [--precision f16|bf16|f32]    FOLDER as in small_cnn.py
"""
import argparse
import json
import math
import statistics
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", nargs="?")
parser.add_argument("--epochs", type=int, default=60)
parser.add_argument("--seeds", default="1,2,3")
parser.add_argument("--precision", choices=("f16", "bf16", "f32"), default="f16")
asked = parser.parse_args()
sys.argv[1:] = [asked.folder] if asked.folder else []

import torch
import torch.nn as nn
import torch.nn.functional as F

from small_cnn import augmented, images, unpacked

BATCH, RATE, DECAY = 128, 0.1, 0.0005
narrow = {"f16": torch.float16, "bf16": torch.bfloat16}.get(asked.precision)


class Block(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.more = stride, channels - before

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.more or self.stride > 1:  # option A of He et al.: no parameters
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return F.relu(y + x)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        channels = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
        self.blocks = nn.Sequential(*(Block(a, b, 1 if a == b else 2) for a, b in zip(channels, channels[1:])))
        self.fc = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        return self.fc(self.blocks(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


def rate_at(step, steps):
    """As dlfs's: rises by equal steps for an epoch, then half a cosine."""
    if step < steps:
        return RATE * (step + 1) / steps
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - steps) / ((asked.epochs - 1) * steps)))


def train(seed, train_set, test_set):
    torch.manual_seed(seed)
    x, y = train_set
    mean, deviation = (f((x / 255.0), dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    normal = lambda pixels: ((pixels / 255.0 - mean) / deviation).contiguous(memory_format=torch.channels_last)
    model = ResNet20().cuda().to(memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    kept = [p for p in model.parameters() if p.dim() == 1]
    rate = torch.zeros((), device="cuda")
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": DECAY}, {"params": kept, "weight_decay": 0.0}], lr=rate,
                                momentum=0.9, nesterov=True, fused=True)
    for parameter in (*decayed, *kept):
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    scaler = torch.amp.GradScaler("cuda", enabled=narrow == torch.float16)
    pick = torch.arange(BATCH, device="cuda")

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=narrow or torch.bfloat16, enabled=narrow is not None, cache_enabled=False):
            loss = F.cross_entropy(model(normal(augmented(x[pick]))), y[pick])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    start_of_all = {name: value.clone() for name, value in model.state_dict().items()}
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()  # at rate 0
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    model.load_state_dict(start_of_all)
    for parameter in (*decayed, *kept):
        optimizer.state[parameter]["momentum_buffer"].zero_()

    steps = len(x) // BATCH
    start = time.perf_counter()
    for epoch in range(asked.epochs):
        order = torch.randperm(len(x), device=x.device)
        for i in range(steps):
            rate.fill_(rate_at(epoch * steps + i, steps))
            pick.copy_(order[i * BATCH:(i + 1) * BATCH])
            graph.replay()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    model.eval()
    right = 0
    with torch.no_grad(), torch.autocast("cuda", dtype=narrow or torch.bfloat16, enabled=narrow is not None):
        for a, b in zip(test_set[0].split(500), test_set[1].split(500)):
            right += (model(normal(a)).argmax(1) == b).sum().item()
    return right / len(test_set[0]), steps * BATCH * asked.epochs / seconds, float(loss)


if __name__ == "__main__":
    if not torch.cuda.is_available():
        print("resnet20.py: no GPU here", file=sys.stderr)
        sys.exit(77)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    root = unpacked()
    sets = [images(root / part) for part in ("train", "test")]
    results = [train(int(seed), *sets) for seed in asked.seeds.split(",")]
    accuracies = [round(a, 4) for a, _, _ in results]
    print(json.dumps({"resnet20": f"PyTorch {torch.__version__}", "precision": asked.precision, "epochs": asked.epochs,
                      "accuracies": accuracies, "mean": round(statistics.mean(accuracies), 4),
                      "last_losses": [round(loss, 4) for _, _, loss in results],
                      "images_per_second": round(statistics.median(r for _, r, _ in results))}), flush=True)
