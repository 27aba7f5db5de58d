#!/usr/bin/env python3
"""Follows the second half of docs/add_an_op.md in a copy of the tree: its commands, its differences, its new files.

    tools/add_an_op_test.py [--build]      --build also builds the copy and runs the new op's table (minutes)"""
import ast
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import check_layers

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = "--build" in sys.argv and not sys.argv.remove("--build")
PAGE = (ROOT / "docs/add_an_op.md").read_text().partition("\n## Inside")[2]


def apply(tree, file, difference):
    """Replaces what stands there (lines with ' ' or '-') by what shall (' ' or '+'); white space is all alike."""
    lines = difference.splitlines()
    old = "\n".join(line[1:] for line in lines if line[0] in " -")
    new = "\n".join(line[1:] for line in lines if line[0] in " +")
    text, count = re.subn(r"\s+".join(map(re.escape, old.split())), lambda _: new.strip(), (tree / file).read_text())
    if count != 1:
        raise AssertionError(f"{file} holds {count} times\n{old}")
    (tree / file).write_text(text)


class AddAnOp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(held.cleanup)
        cls.tree = pathlib.Path(held.name) / "tree"
        shutil.copytree(ROOT, cls.tree, ignore=shutil.ignore_patterns("build", "runs", ".git", "__pycache__"))
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S):
            subprocess.run(["bash", "-euc", block], cwd=cls.tree, check=True)
        for file, block in re.findall(r"```diff (\S+)\n(.*?)```", PAGE, re.S):
            apply(cls.tree, file, block)

    def run_in_tree(self, *words):
        done = subprocess.run([str(word) for word in words], cwd=self.tree, capture_output=True, text=True,
                              env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_the_op_keeps_to_the_floors_and_compiles(self):
        room = self.tree / "dlfs/ops/pixel_shuffle"
        self.assertEqual(len(list(room.iterdir())), 5)
        self.assertEqual(check_layers.faults(self.tree), [])
        for file in [*room.glob("*.cpp"), self.tree / "dlfs/testing/cases.cpp"]:
            self.assertNotIn("custom_op", file.read_text())
            self.run_in_tree("c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.",
                             "-DDLFS_CUDA=0", file)

    def test_golden_py_knows_the_op(self):
        module = ast.parse((self.tree / "tools/golden.py").read_text())
        self.assertIn("pixel_shuffle", [node.name for node in module.body if isinstance(node, ast.FunctionDef)])
        (ops,) = [node for node in module.body if isinstance(node, ast.Assign) and node.targets[0].id == "OPS"]
        self.assertIn("pixel_shuffle", [node.id for node in ast.walk(ops) if isinstance(node, ast.Name)])

    @unittest.skipUnless(BUILD, "--build")
    def test_the_op_passes_its_table(self):
        (self.tree / "build").mkdir()
        if (ROOT / "build/deps").exists():
            (self.tree / "build/deps").symlink_to(ROOT / "build/deps")
        self.run_in_tree("cmake", "--preset", "release", "-DDLFS_CUDA=OFF")
        self.run_in_tree("cmake", "--build", "build/release", "--target", "dlfs_tests")
        tests = ["build/release/dlfs_tests", "--gtest_filter=PixelShuffle.*"]
        if importlib.util.find_spec("torch"):
            self.run_in_tree(sys.executable, "tools/golden.py", "--cpu", "dlfs/testing/golden")
        else:
            tests[1] += "-*PyTorch"
        self.assertIn("[  PASSED  ]", self.run_in_tree(*tests))
        self.assertIn('"op": "pixel_shuffle"', self.run_in_tree(tests[0], "--list-cases"))


if __name__ == "__main__":
    unittest.main()
