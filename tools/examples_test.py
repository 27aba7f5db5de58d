#!/usr/bin/env python3
"""Installs a build into an empty folder and builds and runs there what others would: the project in examples/, by the
commands of docs/add_an_op.md, and, from where the installed folder was moved, a program that needs no CUDA.

    tools/examples_test.py [BUILD]      (build/release); exit 77 where something had to be left out"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")

PAGE = (ROOT / "docs/add_an_op.md").read_text()
SMALL_PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
find_package(dlfs REQUIRED)
add_executable(small small.cpp)
target_link_libraries(small dlfs::dlfs)
"""
SMALL_MAIN = """
#include <iostream>
int main() {
  dlfs::State state(1);
  dlfs::Trace trace(state);
  trace.output("logits", dlfs::lenet(trace.input("images", {{2, 28, 28, 1}}), 10));
  dlfs::Plan plan(std::move(trace));
  const auto device = dlfs::open_cpu();
  plan.compile(*device);
  plan.run(device->stream());
  std::cout << DLFS_VERSION << " " << state.parameter_count() << "\\n";
}
"""


def environment():
    """The build's own compilers and flags (sanitizers), as CMake takes them from there."""
    cache = dict(re.findall(r"^(\w+):\w+=(.+)$", (BUILD / "CMakeCache.txt").read_text(), re.M))
    made = {"CXX": cache["CMAKE_CXX_COMPILER"], "CXXFLAGS": cache.get("CMAKE_CXX_FLAGS", ""), "CMAKE_GENERATOR": "Ninja"}
    if cache["CMAKE_BUILD_TYPE"] == "Debug":
        made["CXXFLAGS"] += " " + cache["CMAKE_CXX_FLAGS_DEBUG"]
    if subprocess.run([made["CXX"], "-dumpversion"], capture_output=True, text=True).stdout.strip() == "12":
        made["CXXFLAGS"] += " -Werror"  # a newer compiler's new opinions break no test
    if "CMAKE_CUDA_COMPILER" in cache:
        made["CUDACXX"] = cache["CMAKE_CUDA_COMPILER"]
    return {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"} | made


def run(*words):
    """What the command printed; an AssertionError with all of it where it failed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment(), cwd=ROOT)
    if done.returncode != 0:
        raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def data():
    """(a folder with MNIST's four files, the accuracies to expect there of the model and of logistic regression)"""
    if "DLFS_DATA" in os.environ:
        return pathlib.Path(os.environ["DLFS_DATA"]) / "mnist", 0.88, 0.91
    return FASHION, 0.77, 0.80  # 600 steps of the model give 0.799, 800 0.814


def headers_of(folder):
    return {str(path.relative_to(folder)) for path in folder.glob("dlfs/**/*.h")}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(held.cleanup)
        cls.home = pathlib.Path(held.name)
        cls.said = []
        for command in re.search(r"```sh\n(.*?)```", PAGE, re.S)[1].splitlines():
            words = command.replace("build/release", str(BUILD)).replace("$HOME", "~").replace("~", str(cls.home)).split()
            cls.said.append(run(*words))
        cls.examples = cls.home / "examples"

    def test_four_lines_link_every_public_header_without_cuda(self):
        moved = self.home / "a moved prefix"
        shutil.copytree(self.home / "dlfs", moved, symlinks=True)
        for file in (moved / "lib").rglob("*.cmake"):
            self.assertNotIn(str(self.home), file.read_text(), f"{file} cannot be moved")
        self.assertIn("onednn", run(moved / "bin/dlfs", "doctor"))
        headers = {name for name in headers_of(ROOT) if not name.startswith(("dlfs/main/", "dlfs/testing/"))}
        harness = {f"dlfs/testing/{name}.h" for name in ("devices", "error", "op_case", "op_checks")}
        self.assertEqual(headers_of(moved / "include"), headers | harness)
        small = self.home / "small"
        small.mkdir()
        (small / "CMakeLists.txt").write_text(SMALL_PROJECT)
        (small / "small.cpp").write_text("".join(f'#include "{name}"\n' for name in sorted(headers)) + SMALL_MAIN)
        run("cmake", "-S", small, "-B", small / "build", f"-DCMAKE_PREFIX_PATH={moved}")
        run("cmake", "--build", small / "build")
        self.assertNotIn("CMAKE_CUDA_COMPILER:", (small / "build/CMakeCache.txt").read_text())
        self.assertEqual(run(small / "build/small").split()[1], "431080")

    def test_an_op_of_ones_own_passes_its_table(self):
        self.assertRegex(self.said[-1], r"\n\[  PASSED  \] [1-9]")

    def test_a_model_of_ones_own_learns(self):
        folder, accuracy, _ = self.data()
        weights = self.home / "weights.safetensors"
        said = run(self.examples / "custom_model", folder, weights)
        self.assertGreaterEqual(float(re.search(r"^accuracy (\S+)", said, re.M)[1]), accuracy, said)
        self.assertGreater(weights.stat().st_size, 100_000)

    def test_logistic_regression_by_hand_learns(self):
        if not (ROOT / "examples/logistic_by_hand.cpp").exists():
            self.skipTest("there is no examples/logistic_by_hand.cpp")
        folder, _, accuracy = self.data()
        run(self.examples / "logistic_by_hand", folder, "--expect", accuracy)

    def data(self):
        if not data()[0].exists() and "DLFS_DATA" not in os.environ:
            self.skipTest("needs DLFS_DATA or the package dataset-fashion-mnist")
        return data()


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
