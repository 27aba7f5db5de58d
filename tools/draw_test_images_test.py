#!/usr/bin/env python3
"""The committed test images are those that tools/draw_test_images.py draws, whatever zlib packs their pixels."""

import struct
import unittest
import zlib
from pathlib import Path

import draw_test_images

FOLDER = Path(__file__).parent.parent / "dlfs/testing/images"


def unpacked(data):
    """The chunks of a PNG file with their pixels inflated; another file as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    at, chunks = 8, []
    while at < len(data):
        length, name = struct.unpack(">L4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        chunks.append((name, zlib.decompress(body) if name == b"IDAT" else body))
        at += 12 + length
    return chunks


class DrawTestImagesTest(unittest.TestCase):
    def test_images_are_what_the_script_draws(self):
        self.assertEqual({path.name for path in FOLDER.iterdir()}, set(draw_test_images.IMAGES))
        for name, draw in draw_test_images.IMAGES.items():
            self.assertTrue(unpacked(draw()) == unpacked((FOLDER / name).read_bytes()), name)


if __name__ == "__main__":
    unittest.main()
