#!/usr/bin/env python3
"""PyTorch's side of `dlfs train small_cnn` on CIFAR-10 as JPEG files: the same net, first weights of the same law, recipe
(30 epochs, batch 128, SGD 0.05 along a cosine, momentum 0.9, decay 0.0005, flips and crops) and images, three seeds.

    small_cnn.py [FOLDER]    FOLDER/{train,test}/CLASS/*; else unpacked from $DLFS_DATA/cifar10-jpeg or build/data/cifar10-jpeg
"""
import json
import math
import os
import pathlib
import sys
import tarfile
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.io import ImageReadMode, decode_jpeg, read_file

EPOCHS, BATCH, RATE, DECAY, SEEDS = 30, 128, 0.05, 0.0005, (1, 2, 3)


class SmallCnn(nn.Module):
    def __init__(self):
        super().__init__()
        channels = (3, 32, 32, 64, 64)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(channels, channels[1:]))
        self.fc = nn.Linear(64, 10)
        for layer in (*self.convs, self.fc):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = F.relu(self.convs[0](x))
        x = F.relu(F.max_pool2d(self.convs[1](x), 2))
        x = F.relu(self.convs[2](x))
        x = F.relu(F.max_pool2d(self.convs[3](x), 2))
        return self.fc(x.mean((2, 3)))


def unpacked():
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    for root in (os.environ.get("DLFS_DATA", ""), "build/data"):
        packed = pathlib.Path(root) / "cifar10-jpeg"
        if root and packed.is_dir():
            folder = pathlib.Path(tempfile.mkdtemp(prefix="cifar10-"))
            for part in ("train", "test"):
                with tarfile.open(packed / f"{part}.tar.gz") as archive:
                    archive.extractall(folder)
            return folder
    print("no cifar10-jpeg in $DLFS_DATA or build/data")
    sys.exit(77)


def images(folder):
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir())
    pixels, labels = [], []
    for label, name in enumerate(classes):
        for path in sorted((folder / name).iterdir()):
            pixels.append(decode_jpeg(read_file(str(path)), mode=ImageReadMode.RGB))
            labels.append(label)
    return torch.stack(pixels).cuda(), torch.tensor(labels).cuda()


def augmented(x):
    n = len(x)
    padded = F.pad(x, (4, 4, 4, 4))
    at = torch.arange(32, device=x.device)
    top, left = torch.randint(0, 9, (n, 1), device=x.device), torch.randint(0, 9, (n, 1), device=x.device)
    columns = torch.where(torch.rand(n, 1, device=x.device) < 0.5, 31 - at, at) + left
    n_at = torch.arange(n, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[n_at, (top + at)[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def train(seed, train_set, test_set):
    torch.manual_seed(seed)
    x, y = train_set
    mean, deviation = (f((x / 255.0), dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
    normal = lambda pixels: ((pixels / 255.0 - mean) / deviation).contiguous(memory_format=torch.channels_last)
    model = SmallCnn().cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=DECAY, fused=True)
    steps = len(x) // BATCH
    start, step = time.perf_counter(), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), device=x.device)
        for i in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * steps)))
            pick = order[i * BATCH:(i + 1) * BATCH]
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(normal(augmented(x[pick]))), y[pick]).backward()
            optimizer.step()
            step += 1
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        right = sum((model(normal(a)).argmax(1) == b).sum().item() for a, b in zip(test_set[0].split(500), test_set[1].split(500)))
    return right / len(test_set[0]), len(x) * EPOCHS / seconds


if __name__ == "__main__":
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    root = unpacked()
    sets = [images(root / part) for part in ("train", "test")]
    results = [train(seed, *sets) for seed in SEEDS]
    accuracies = [round(a, 4) for a, _ in results]
    print(json.dumps({"small_cnn": f"PyTorch {torch.__version__}", "accuracies": accuracies,
                      "mean": round(sum(accuracies) / len(accuracies), 4),
                      "images_per_second": round(sorted(r for _, r in results)[1])}), flush=True)
