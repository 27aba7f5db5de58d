#!/usr/bin/env python3
"""torchvision's side of the test GpuJpeg.Throughput: COCO's photographs decoded, and decoded, cropped, flipped and normalised.

    python3 bench/peers/jpeg.py FOLDER [--cpu]      FOLDER: of JPEG files, such as coco128/train2017

On the GPU in batches of 256 by torchvision.io.decode_jpeg(list, device="cuda"), the crops by torch's own interpolation; on
the CPU by one thread, decode_jpeg and v2.RandomResizedCrop(antialias). Rates are medians of five rounds.
"""
import pathlib
import statistics
import os
import sys
import time

import torch
import torchvision
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

BATCH, SIDE = 256, 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def rate(images, work, rounds=5):
    """Images a second of the median round; `work` does so many."""
    work()
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return images / statistics.median(seconds)


def on_gpu(files):
    """Rows (what, images a second). Crops come from v2.RandomResizedCrop's own draw."""
    crop = v2.RandomResizedCrop(SIDE, antialias=True)
    mean, deviation = (torch.tensor(x, device="cuda").view(1, 3, 1, 1) for x in (MEAN, DEVIATION))
    batches = [[files[(first + i) % len(files)] for i in range(BATCH)] for first in range(0, 8 * BATCH, BATCH)]

    def decode(batch):
        return decode_jpeg(batch, mode=ImageReadMode.RGB, device="cuda")

    def decode_all():
        for batch in batches:
            decode(batch)
        torch.cuda.synchronize()

    def prepare_all():
        for batch in batches:
            images = torch.stack([crop(image) for image in decode(batch)])
            flips = torch.rand(BATCH, device="cuda").view(-1, 1, 1, 1) < 0.5
            images = torch.where(flips, images.flip(3), images)
            _ = (images.float().div_(255) - mean) / deviation
        torch.cuda.synchronize()

    count = BATCH * len(batches)
    return [("gpu: decode only", rate(count, decode_all)),
            ("gpu: decode, random-resized crop, flip, normalise", rate(count, prepare_all))]


def on_cpu(files):
    """The same by one thread; the second row stays uint8, as dlfs's loader delivers it."""
    torch.set_num_threads(1)
    crop = v2.Compose([v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip()])

    def decode_all():
        for file in files:
            decode_jpeg(file, mode=ImageReadMode.RGB)

    def prepare_all():
        for file in files:
            crop(decode_jpeg(file, mode=ImageReadMode.RGB))

    return [("cpu, one thread: decode only", rate(len(files), decode_all)),
            ("cpu, one thread: decode, random-resized crop, flip", rate(len(files), prepare_all))]


def main():
    words = [word for word in sys.argv[1:] if word != "--cpu"]
    known = [pathlib.Path(root) / "coco128/train2017" for root in (os.environ.get("DLFS_DATA", ""), "build/data") if root]
    words = words or [str(folder) for folder in known if folder.is_dir()][:1]
    if len(words) != 1:
        print(__doc__, "no coco128 in $DLFS_DATA or build/data", sep="\n")
        sys.exit(77)
    paths = sorted(pathlib.Path(words[0]).glob("*.jpg"))
    if not paths:
        sys.exit(f"jpeg.py: no .jpg files in {words[0]}")
    files = [torchvision.io.read_file(str(path)) for path in paths]
    sizes = [decode_jpeg(file).shape[1:] for file in files]
    pixels = statistics.mean(height * width for height, width in sizes)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}; {len(files)} files of {pixels / 1e6:.3f} MP "
          f"and {statistics.mean(file.numel() for file in files) / 1024:.0f} KiB in the mean, batches of {BATCH}")
    rows = on_cpu(files)
    if "--cpu" not in sys.argv and torch.cuda.is_available():
        print(torch.cuda.get_device_name())
        rows = on_gpu(files) + rows
    for what, images in rows:
        print(f"  {what:<52} {images:>9,.0f} images/s")


if __name__ == "__main__":
    main()
