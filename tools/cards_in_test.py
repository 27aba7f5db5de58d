#!/usr/bin/env python3
"""Tests of cards_in.py, on bytes as nvcc writes them."""
import struct
import unittest

from cards_in import architectures


def entry(kind, architecture, code):
    return struct.pack("<HHIQ12xI32x", kind, 0x101, 64, len(code), architecture) + code


def fat_binary(*entries):
    content = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(content)) + content


class CardsIn(unittest.TestCase):
    def test_reads_the_architectures_of_every_fat_binary(self):
        both = fat_binary(entry(2, 75, b"code"), entry(2, 120, b"other code"), entry(1, 120, b"ptx"))
        one = fat_binary(entry(2, 75, b"x" * 100), entry(1, 90, b"ptx"))
        self.assertEqual(architectures(b"ELF" + both + b"between" + one), [{75, 120}, {75}])

    def test_a_program_without_cuda_has_none(self):
        self.assertEqual(architectures(b"\x7fELF and so on"), [])


if __name__ == "__main__":
    unittest.main()
