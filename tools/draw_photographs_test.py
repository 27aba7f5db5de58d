#!/usr/bin/env python3
"""Drawn photographs are a function of their seed and stand where they should; that they decode, README's test shows."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parent / "draw_photographs.py"


def drawn(folder, *words):
    """{name: bytes}"""
    subprocess.run([sys.executable, TOOL, folder, "--classes", "2", "--train", "3", "--val", "1", "--size", "160", *words],
                   check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


class DrawPhotographsTest(unittest.TestCase):
    def test_a_seed_determines_all(self):
        with tempfile.TemporaryDirectory() as home:
            first, again, other = (drawn(Path(home) / name, "--seed", seed)
                                   for name, seed in (("first", "1"), ("again", "1"), ("other", "2")))
        self.assertEqual(list(first), [f"{split}/class000{kind}/000{i}.jpg" for split, count in (("train", 3), ("val", 1))
                                       for kind in (0, 1) for i in range(count)])
        self.assertEqual(first, again)
        for name, data in first.items():
            self.assertEqual((data[:4], data[-2:]), (b"\xff\xd8\xff\xe0", b"\xff\xd9"))
            self.assertNotEqual(data, other[name])
        self.assertEqual(len(set(first.values())), len(first))

    def test_a_file_may_have_several_names(self):
        with tempfile.TemporaryDirectory() as home:
            files = drawn(Path(home) / "photographs", "--repeat", "4")
        self.assertEqual(len(files), 2 * (3 * 4 + 1))
        self.assertEqual(len(set(files.values())), 2 * (3 + 1))


if __name__ == "__main__":
    unittest.main()
