#!/usr/bin/env python3
"""Prints what Pillow's bilinear resize gives for formula-made images, one line a case, for dlfs/testing/golden/resize.txt:

    tools/golden_resize.py [COUNT] > dlfs/testing/golden/resize.txt
    tools/golden_resize.py --time     what one crop of case 0's image takes, beside dlfs_tests --gtest_filter=SlowRenderSpeed.*

    channels, width and height, the new width and height, left top right bottom of the part, hash of the new pixels

Images are noise: byte i is bits(i) >> 56 of the key "resize <case>" (tools/formula.py). Needs a Pillow before 13: that one
began to resample some tall images along columns first, which rounds otherwise; dlfs goes along rows first, as all did.
"""
import statistics
import sys
import time

import numpy
import PIL
from PIL import Image

import formula

FIXED = [  # channels, from, to, box
    (3, (640, 480), (224, 224), (60, 50, 560, 425)),
    (3, (640, 480), (224, 224), None),
    (3, (37, 23), (224, 224), None),
    (3, (500, 375), (32, 32), (10, 20, 410, 320)),
    (3, (500, 375), (224, 224), (10.5, 20.25, 410.125, 320.875)),
    (1, (28, 28), (32, 32), None),
    (1, (640, 480), (100, 90), (0.5, 0, 640, 479.5)),
    (3, (1, 1), (7, 5), None),
    (3, (7, 5), (1, 1), None),
    (3, (3000, 2), (1, 3), None),
    (3, (64, 64), (64, 64), None),
    (3, (64, 64), (64, 30), None),
    (3, (64, 64), (30, 64), None),
]


def number(key, counter, low, high):
    return low + formula.below(key, counter, high - low + 1)


def random_case(index):
    key = formula.key_of(f"resize case {index}")
    width, height = number(key, 0, 1, 150), number(key, 1, 1, 150)
    box = None
    if number(key, 2, 0, 1):  # eighths, which are exact in Pillow's floats
        left, top = number(key, 3, 0, 8 * width - 1), number(key, 4, 0, 8 * height - 1)
        right, bottom = number(key, 5, left + 1, 8 * width), number(key, 6, top + 1, 8 * height)
        box = (left / 8, top / 8, right / 8, bottom / 8)
    return 1 + 2 * number(key, 7, 0, 1), (width, height), (number(key, 8, 1, 150), number(key, 9, 1, 150)), box


def hash_bytes(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return int(formula.mix(value)[0])


def print_time():
    image = Image.fromarray((formula.bits(formula.key_of("resize 0"), numpy.arange(921600)) >> numpy.uint64(56))
                            .astype(numpy.uint8).reshape(480, 640, 3))
    times = []
    for _ in range(500):
        start = time.perf_counter()
        image.resize((224, 224), Image.BILINEAR, box=FIXED[0][3])
        times.append(time.perf_counter() - start)
    print(f"Pillow {PIL.__version__}: {1e3 * statistics.median(times):.3f} ms")


def main():
    if int(PIL.__version__.split(".")[0]) > 12:
        sys.exit(f"golden_resize: Pillow is {PIL.__version__}, but 12 or earlier is needed")
    if sys.argv[1:] == ["--time"]:
        return print_time()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    cases = (FIXED + [random_case(index) for index in range(count)])[:count]
    print(f"# tools/golden_resize.py {count}, Pillow {PIL.__version__}")
    for index, (channels, (width, height), to, box) in enumerate(cases):
        key = formula.key_of(f"resize {index}")
        noise = (formula.bits(key, numpy.arange(width * height * channels)) >> numpy.uint64(56)).astype(numpy.uint8)
        image = Image.fromarray(noise.reshape((height, width) if channels == 1 else (height, width, 3)))
        box = box or (0, 0, width, height)
        resized = image.resize(to, Image.BILINEAR, box=box)
        edges = " ".join(f"{edge:g}" for edge in box)
        print(channels, width, height, *to, edges, f"{hash_bytes(resized.tobytes()):016x}")


if __name__ == "__main__":
    main()
