#!/usr/bin/env python3
"""Draws JPEG files of a camera's kind in class folders, as ImageNet has them: for trying how fast such files are loaded
and that a net learns from them. With Python alone, in all its processes; a seed determines every byte.

    tools/draw_photographs.py FOLDER [--classes 100] [--train 26] [--val 2] [--repeat 1] [--size 500] [--seed 1]

FOLDER/{train,val}/CLASS/0000.jpg and so on, about 500 x 375 or upright, quality 90, colours at half the size. --repeat
gives each training file so many names (hard links): a long epoch of few files.

A class is a direction and a length of waves, and two colours. An image shows its class's waves under uneven light, noise as
photographs have it (less of it at high frequencies), and ellipses of other colours. No pixel is ever made: the
coefficients of some hundred blocks of 8 x 8 are drawn and coded once an image, and its blocks are picked among them.
"""

import argparse
import os
import random
import struct
import sys
from concurrent.futures import ProcessPoolExecutor
from math import cos, pi, sin
from pathlib import Path

from draw_test_images import COSINES, JFIF, QUANT, ZIGZAG, segment

PHASES, NOISES = 24, 8  # of a wave's blocks: so many of each along the wave, which differ in their noise
QUANT = [max(1, round(q * 0.8)) for q in QUANT]  # a fifth of annex K's: quality 90

# Annex K's codes for luminance, which serve all: counts of the lengths 1 to 16, then the symbols.
DC = bytes.fromhex("00010501010101010100000000000000"), bytes(range(12))
AC = bytes.fromhex("0002010303020403050504040000017d"), bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a"
    "434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9"
    "aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa")


def codes_of(table):
    """{symbol: its code as a text of bits}"""
    code, codes, symbols = 0, {}, iter(table[1])
    for length, count in enumerate(table[0], 1):
        for _ in range(count):
            codes[next(symbols)] = format(code, f"0{length}b")
            code += 1
        code <<= 1
    return codes


DC_CODES, AC_CODES = codes_of(DC), codes_of(AC)


def number(value):
    """The bits that follow a code of the value's size."""
    size = abs(value).bit_length()
    return format(value if value >= 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


DIFFERENCES = {value: DC_CODES[abs(value).bit_length()] + number(value) for value in range(-1023, 1024)}


def ac_bits(block):
    bits, zeros = [], 0
    for value in block[1:]:
        if value == 0:
            zeros += 1
            continue
        bits += [AC_CODES[0xF0]] * (zeros // 16)
        bits += [AC_CODES[zeros % 16 * 16 + abs(value).bit_length()], number(value)]
        zeros = 0
    return "".join(bits) + (AC_CODES[0] if zeros else "")


def wave_block(amplitude, across, down, phase):
    """Coefficients [v][u] of amplitude * cos(across x + down y + phase): two products of one line with another."""
    def line(step, start):
        values = [cos(step * i + start) for i in range(8)]
        return [sum(v * c for v, c in zip(values, row)) for row in COSINES]

    x_cos, x_sin, y_cos, y_sin = line(across, 0), line(across, -pi / 2), line(down, phase), line(down, phase - pi / 2)
    return [amplitude * (x_cos[u] * y_cos[v] - x_sin[u] * y_sin[v]) for v in range(8) for u in range(8)]


def noisy_block(chance, wave, noise):
    """(DC, bits of the rest): the wave and noise, quantised."""
    values = [round((wave[i] + chance.gauss(0, noise / (1 + 0.3 * (i // 8 + i % 8)))) / QUANT[i]) for i in ZIGZAG]
    return values[0], ac_bits(values)


class Shape:
    """An ellipse of one colour, or the ground."""

    def __init__(self, chance, blocks, colors, size):
        self.blocks, self.colors = blocks, colors
        self.x, self.y = chance.uniform(0, size[0]), chance.uniform(0, size[1])
        self.a, self.b = chance.uniform(20, size[0] / 4), chance.uniform(20, size[1] / 4)

    def covers(self, x, y):
        return ((x - self.x) / self.a) ** 2 + ((y - self.y) / self.b) ** 2 < 1


class Photograph:
    def __init__(self, kind, seed, longer):
        look, chance = random.Random(f"class {kind}"), random.Random(seed)
        angle, length = look.uniform(0, pi) + chance.gauss(0, 0.08), look.uniform(9, 48) * chance.uniform(0.85, 1.18)
        colors = [[look.uniform(-60, 60) + chance.gauss(0, 8) for _ in range(2)] for _ in range(2)]  # blue, red; of both ends
        self.size = [round(longer * chance.uniform(0.8, 1.2)), round(longer * chance.uniform(0.55, 0.95))]
        if chance.random() < 0.25:
            self.size.reverse()
        self.across, self.down = 2 * pi * cos(angle) / length, 2 * pi * sin(angle) / length
        noise = chance.uniform(18, 64)
        waves = [noisy_block(chance, wave_block(chance.uniform(25, 50), self.across, self.down, 2 * pi * i / PHASES), noise)
                 for i in range(PHASES) for _ in range(NOISES)]
        plain = [noisy_block(chance, [0] * 64, noise) for _ in range(PHASES * NOISES)]
        self.faint = [noisy_block(chance, [0] * 64, noise / 4)[1] for _ in range(16)]  # of colours
        self.ground = Shape(chance, waves, colors, self.size)
        self.shapes = [Shape(chance, plain, [[chance.uniform(-80, 80) for _ in range(2)]] * 2, self.size)
                       for _ in range(chance.randrange(4))]
        self.light = [chance.gauss(0, 20), chance.gauss(0, 40) / self.size[0], chance.gauss(0, 40) / self.size[1]]
        self.start, self.chance = chance.random(), chance

    def bits(self):
        """Of all blocks: four of luminance, then blue and red, for each square of 16 x 16."""
        chance, across, down = self.chance.random, self.across / (2 * pi), self.down / (2 * pi)
        before, bits = [0, 0, 0], []

        def put(component, value, rest):
            bits.append(DIFFERENCES[value - before[component]])
            bits.append(rest)
            before[component] = value

        for top in range(0, self.size[1], 16):
            for left in range(0, self.size[0], 16):
                shape = next((s for s in self.shapes if s.covers(left + 8, top + 8)), self.ground)
                for x, y in ((left, top), (left + 8, top), (left, top + 8), (left + 8, top + 8)):
                    phase = (x * across + y * down + self.start) % 1
                    dc, rest = shape.blocks[int(phase * PHASES) * NOISES + int(chance() * NOISES)]
                    light = self.light[0] + self.light[1] * x + self.light[2] * y
                    put(0, max(-300, min(300, dc + round(8 * light / QUANT[0]))), rest)
                share = 0.5 + 0.5 * cos(2 * pi * ((left + 8) * across + (top + 8) * down + self.start))
                for component in (0, 1):
                    color = share * shape.colors[0][component] + (1 - share) * shape.colors[1][component]
                    put(component + 1, round(8 * color / QUANT[0]), self.faint[int(chance() * 16)])
        return "".join(bits)

    def file(self):
        width, height = self.size
        frame = [8, *struct.pack(">HH", height, width), 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]
        bits = self.bits()
        bits += "1" * (-len(bits) % 8)
        coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        return b"".join([b"\xFF\xD8", JFIF, segment(0xDB, [0] + [QUANT[i] for i in ZIGZAG]), segment(0xC0, frame),
                         segment(0xC4, b"\0" + DC[0] + DC[1]), segment(0xC4, b"\x10" + AC[0] + AC[1]),
                         segment(0xDA, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]), coded, b"\xFF\xD9"])


def draw_class(folder, split, kind, count, options):
    """Its bytes."""
    place = folder / split / f"class{kind:04}"
    place.mkdir(parents=True, exist_ok=True)
    total = 0
    for i in range(count):
        data = Photograph(kind, f"{options.seed} {split} {kind} {i}", options.size).file()
        first = place / f"{i:04}.jpg"
        first.write_bytes(data)
        for again in range(1, options.repeat if split == "train" else 1):
            os.link(first, place / f"{i:04}_{again}.jpg")
        total += len(data)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    for name, value, what in (("classes", 100, "class folders"), ("train", 26, "training files of a class"),
                              ("val", 2, "test files of a class"), ("repeat", 1, "names of a training file"),
                              ("size", 500, "pixels of the longer side, more or less"), ("seed", 1, "of every number")):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} [{value}]")
    options = parser.parse_args()
    if options.folder.exists():
        sys.exit(f"draw_photographs: {options.folder} is there already; name a new folder, or remove it")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        work = [pool.submit(draw_class, options.folder, split, kind, count, options)
                for kind in range(options.classes) for split, count in (("train", options.train), ("val", options.val))]
        total = sum(one.result() for one in work)
    files = options.classes * (options.train + options.val)
    print(f"{options.folder}: {files} files of {total / files / 1000:.0f} kB in the mean")


if __name__ == "__main__":
    main()
