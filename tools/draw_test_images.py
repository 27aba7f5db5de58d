#!/usr/bin/env python3
"""Draws the small JPEG and PNG files that tests need: one of each kind that cameras, scanners and programs write.

    tools/draw_test_images.py [FOLDER]      default: dlfs/testing/images

Everything is written by hand, with Python alone, so that our reader is tried on files that its own library did not
write. The JPEG part follows ITU-T T.81: its names and its tables (annex K).
"""

import struct
import sys
import zlib
from math import cos, exp, pi, sqrt
from pathlib import Path

WIDTH, HEIGHT = 45, 35  # ends in the middle of blocks and of interlacing's steps


def picture(x, y):
    """The pixel [red, green, blue] of a scene: a sky, a sun, a meadow and a red house whose walls are a sharp edge."""
    if (x - 34) ** 2 + (y - 8) ** 2 < 20:
        return [255, 230, 90]
    if 8 <= x < 24 and 14 <= y < 28:
        return [240, 240, 255] if 13 <= x < 18 and 18 <= y < 23 else [190, 40, 30]
    if y >= 24:
        return [40 + 2 * x, 150 - y, 40 + (x * y) % 17]
    return [90 + 2 * y, 140 + 2 * y, 235 - y]


# ---- JPEG ----

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
QUANT = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87,
         80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92,
         95, 98, 112, 100, 103, 99]
QUANT = [max(1, q // 4) for q in QUANT]  # finer than the standard's example
COSINES = [[(sqrt(0.125) if u == 0 else 0.5) * cos((2 * x + 1) * u * pi / 16) for x in range(8)] for u in range(8)]


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + bytes(data)


def code_table(symbols, longest):
    """(counts of code lengths, symbols): the first two symbols take 2 bits, the next four 4, all others `longest`."""
    counts = [0] * 16
    counts[1], counts[3], counts[longest - 1] = 2, 4, len(symbols) - 6
    return counts, symbols


FREQUENT = [0x00, 0x01, 0x02, 0x11, 0x03, 0x21]  # 16 times the zeros before a number, and its bits
DC = code_table(list(range(12)), 5)
AC = code_table(FREQUENT + sorted({16 * run + size for run in range(16) for size in range(1, 11)} - set(FREQUENT)) + [0xF0], 10)


def codes_of(table):
    counts, symbols = table
    codes, code, at = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at:at + count]:
            codes[symbol] = (code, length)
            code += 1
        at += count
        code <<= 1
    return codes


class Bits:
    def __init__(self):
        self.data, self.value, self.length = bytearray(), 0, 0

    def put(self, value, length):
        self.value, self.length = self.value << length | value, self.length + length
        while self.length >= 8:
            self.length -= 8
            byte = self.value >> self.length & 255
            self.data += bytes([byte, 0] if byte == 255 else [byte])

    def close(self):
        if self.length:
            self.put((1 << 8 - self.length) - 1, 8 - self.length)


def put_number(bits, codes, run, number):
    size = abs(number).bit_length()
    bits.put(*codes[run * 16 + size])
    bits.put(number if number >= 0 else number + (1 << size) - 1, size)


def put_ac(bits, codes, block, first, last):
    run = 0
    for value in block[first:last + 1]:
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.put(*codes[0xF0])
            run -= 16
        put_number(bits, codes, run, value)
        run = 0
    if run:
        bits.put(*codes[0])  # the rest of the block is 0


class Component:
    """One colour's blocks: samples(x, y) of the full image, of which each block row and column covers `step` pixels a sample."""

    def __init__(self, samples, sampling, most):
        self.sampling, step = sampling, (most[0] // sampling[0], most[1] // sampling[1])
        mcus = [-(-size // (8 * m)) for size, m in zip((WIDTH, HEIGHT), most)]
        self.mcus, self.wide, self.high = mcus, mcus[0] * sampling[0], mcus[1] * sampling[1]

        def sample(x, y):
            area = [samples(min(x * step[0] + i, WIDTH - 1), min(y * step[1] + j, HEIGHT - 1))
                    for i in range(step[0]) for j in range(step[1])]
            return sum(area) / len(area) - 128

        self.blocks = [[self.transform([[sample(8 * bx + x, 8 * by + y) for x in range(8)] for y in range(8)])
                        for bx in range(self.wide)] for by in range(self.high)]
        # Without interleaving only the blocks that hold pixels are coded.
        self.real = [-(-(-(-size // s)) // 8) for size, s in zip((WIDTH, HEIGHT), step)]

    @staticmethod
    def transform(square):
        half = [[sum(row[x] * COSINES[u][x] for x in range(8)) for u in range(8)] for row in square]
        full = [[sum(half[y][u] * COSINES[v][y] for y in range(8)) for u in range(8)] for v in range(8)]
        return [round(full[i // 8][i % 8] / QUANT[i]) for i in ZIGZAG]


def interleaved(components):
    """(component's number, block) of each MCU in turn."""
    columns, rows = components[0].mcus
    for my in range(rows):
        for mx in range(columns):
            yield [(i, c.blocks[my * c.sampling[1] + v][mx * c.sampling[0] + h]) for i, c in enumerate(components)
                   for v in range(c.sampling[1]) for h in range(c.sampling[0])]


def scan(numbers, first, last, approximation, data):
    head = [len(numbers)] + [byte for n in numbers for byte in (n + 1, 0)] + [first, last, approximation]
    return segment(0xDA, head) + data


def baseline_scan(components, restart):
    bits, dc, ac, markers = Bits(), codes_of(DC), codes_of(AC), 0
    before = [0] * len(components)
    for count, mcu in enumerate(interleaved(components)):
        if restart and count and count % restart == 0:
            bits.close()
            bits.data += bytes([0xFF, 0xD0 + markers % 8])
            markers, before = markers + 1, [0] * len(components)
        for i, block in mcu:
            put_number(bits, dc, 0, block[0] - before[i])
            before[i] = block[0]
            put_ac(bits, ac, block, 1, 63)
    bits.close()
    return scan(range(len(components)), 0, 63, 0, bytes(bits.data))


def progressive_scans(components):
    """The DC in two approximations, between them the AC of each component in two bands."""
    dc, ac = codes_of(DC), codes_of(AC)
    bits, before = Bits(), [0] * len(components)
    for mcu in interleaved(components):
        for i, block in mcu:
            put_number(bits, dc, 0, (block[0] >> 1) - before[i])
            before[i] = block[0] >> 1
    bits.close()
    everyone = range(len(components))
    data = scan(everyone, 0, 0, 0x01, bytes(bits.data))
    for first, last in ((1, 5), (6, 63)):
        for i, component in enumerate(components):
            bits = Bits()
            for row in component.blocks[:component.real[1]]:
                for block in row[:component.real[0]]:
                    put_ac(bits, ac, block, first, last)
            bits.close()
            data += scan([i], first, last, 0, bytes(bits.data))
    bits = Bits()
    for mcu in interleaved(components):
        for _, block in mcu:
            bits.put(block[0] & 1, 1)
    bits.close()
    return data + scan(everyone, 0, 0, 0x10, bytes(bits.data))


def ycc(pixel):
    red, green, blue = pixel
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return [luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402]


def inverted_cmyk(pixel):
    black = max(max(pixel), 1)
    return [255 * value / black for value in pixel] + [black]


def turned(x, y):
    """The scene as a camera on its side stores it: EXIF's orientation 6 makes it upright, but for its sides' lengths."""
    return picture(WIDTH - 1 - y * (WIDTH - 1) // (HEIGHT - 1), x * (HEIGHT - 1) // (WIDTH - 1))


def jpeg(colors=ycc, sampling=((1, 1),) * 3, scene=picture, progressive=False, restart=0, head=b""):
    most = tuple(max(s[i] for s in sampling) for i in (0, 1))
    components = [Component(lambda x, y, i=i: colors(scene(x, y))[i], s, most) for i, s in enumerate(sampling)]
    frame = [8, HEIGHT >> 8, HEIGHT & 255, WIDTH >> 8, WIDTH & 255, len(components)]
    for i, (h, v) in enumerate(sampling):
        frame += [i + 1, h * 16 + v, 0]
    data = b"\xFF\xD8" + head + segment(0xDB, [0] + [QUANT[i] for i in ZIGZAG])
    data += segment(0xC2 if progressive else 0xC0, frame)
    for kind, (counts, symbols) in ((0x00, DC), (0x10, AC)):
        data += segment(0xC4, [kind] + counts + symbols)
    if restart:
        data += segment(0xDD, struct.pack(">H", restart))
    return data + (progressive_scans(components) if progressive else baseline_scan(components, restart)) + b"\xFF\xD9"


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
EXIF = segment(0xE1, b"Exif\0\0MM\0*" + struct.pack(">LHHHLHHL", 8, 1, 0x0112, 3, 1, 6, 0, 0))


# ---- PNG ----

def png(color, depth, pixel, channels, interlaced=False, extra=b""):
    def chunk(name, data):
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    def rows(xs, ys):
        data = b""
        for y in ys if xs else []:
            bits = "".join(format(value, f"0{depth}b") for x in xs for value in pixel(x, y))
            bits += "0" * (-len(bits) % 8)
            data += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return data

    passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    data = b"".join(rows(range(left, WIDTH, across), range(top, HEIGHT, down))
                    for left, across, top, down in (passes if interlaced else [(0, 1, 0, 1)]))
    assert len(pixel(0, 0)) == channels
    header = struct.pack(">LLBBBBB", WIDTH, HEIGHT, depth, color, 0, 0, interlaced)
    chunks = chunk(b"IHDR", header) + (chunk(*extra) if extra else b"")
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


PALETTE = [[0, 0, 0], [255, 230, 90], [240, 240, 255], [190, 40, 30], [80, 130, 40], [120, 180, 220]]


def nearest(pixel):
    return min(range(len(PALETTE)), key=lambda i: sum((a - b) ** 2 for a, b in zip(PALETTE[i], pixel)))


def alpha(x, y):
    return round(255 * exp(-((x - 22) ** 2 + (y - 17) ** 2) / 200))


IMAGES = {
    "gray.jpg": lambda: jpeg(lambda p: ycc(p)[:1], ((1, 1),), head=JFIF),
    "colour_444.jpg": lambda: jpeg(head=JFIF),
    "colour_422.jpg": lambda: jpeg(sampling=((2, 1), (1, 1), (1, 1)), head=JFIF),
    "colour_420.jpg": lambda: jpeg(sampling=((2, 2), (1, 1), (1, 1)), head=JFIF),
    "progressive.jpg": lambda: jpeg(sampling=((2, 2), (1, 1), (1, 1)), progressive=True, head=JFIF),
    "restart.jpg": lambda: jpeg(sampling=((2, 2), (1, 1), (1, 1)), restart=2, head=JFIF),
    "cmyk.jpg": lambda: jpeg(inverted_cmyk, ((1, 1),) * 4, head=ADOBE),
    "turned.jpg": lambda: jpeg(sampling=((2, 2), (1, 1), (1, 1)), scene=turned, head=EXIF),
    "deep.png": lambda: png(0, 16, lambda x, y: [round(257 * ycc(picture(x, y))[0])], 1),
    "palette.png": lambda: png(3, 4, lambda x, y: [nearest(picture(x, y))], 1,
                               extra=(b"PLTE", bytes(sum(PALETTE, [])))),
    "interlaced.png": lambda: png(2, 8, picture, 3, interlaced=True),
    "alpha.png": lambda: png(6, 8, lambda x, y: picture(x, y) + [alpha(x, y)], 4),
}


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "dlfs/testing/images")
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in IMAGES.items():
        (folder / name).write_bytes(draw())
        print(f"{folder / name}: {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
