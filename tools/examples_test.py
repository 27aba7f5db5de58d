#!/usr/bin/env python3
"""Installs a build into an empty folder, moves that folder, and builds and runs there what others would: a program of
four lines of CMake that needs no CUDA, and the project in examples/.

    tools/examples_test.py [BUILD]      (build/release); exit 77 where something had to be left out"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
CLEAN = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}

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


def run(*words, **settings):
    """What the command printed; an AssertionError with all of it where it failed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=CLEAN, **settings)
    if done.returncode != 0:
        raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def settings_of_the_build():
    """Compilers and flags (sanitizers) as of the build itself; a warning is an error."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    kept = re.findall(r"^(CMAKE_(?:BUILD_TYPE|CXX_COMPILER|CXX_FLAGS\w*|CUDA_COMPILER)):\w+=(.+)$", cache, re.M)
    return ["-GNinja", "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON"] + [f"-D{name}={value}" for name, value in kept]


def data():
    """(a folder with MNIST's four files, the accuracies to expect there of the model and of logistic regression)"""
    if "DLFS_DATA" in os.environ:
        return pathlib.Path(os.environ["DLFS_DATA"]) / "mnist", 0.88, 0.91
    return FASHION, 0.80, 0.80


def headers_of(folder):
    return {str(path.relative_to(folder)) for path in folder.glob("dlfs/**/*.h")}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.held.cleanup)
        cls.folder = pathlib.Path(cls.held.name)
        run("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = (cls.folder / "first").rename(cls.folder / "a moved prefix")
        cls.examples = cls.build(ROOT / "examples", "examples")

    @classmethod
    def build(cls, source, name):
        target = cls.folder / name
        run("cmake", "-S", source, "-B", target, f"-DCMAKE_PREFIX_PATH={cls.prefix}", *settings_of_the_build())
        run("cmake", "--build", target)
        return target

    def test_the_program_runs(self):
        self.assertIn("onednn", run(self.prefix / "bin/dlfs", "doctor"))

    def test_four_lines_link_every_public_header_without_cuda(self):
        headers = {name for name in headers_of(ROOT) if not name.startswith(("dlfs/main/", "dlfs/testing/"))}
        harness = {f"dlfs/testing/{name}.h" for name in ("devices", "error", "op_case", "op_checks")}
        self.assertEqual(headers_of(self.prefix / "include"), headers | harness)
        small = self.folder / "small"
        small.mkdir()
        (small / "CMakeLists.txt").write_text(SMALL_PROJECT)
        (small / "small.cpp").write_text("".join(f'#include "{name}"\n' for name in sorted(headers)) + SMALL_MAIN)
        built = self.build(small, "small-build")
        self.assertNotIn("CMAKE_CUDA_COMPILER:FILEPATH", (built / "CMakeCache.txt").read_text())
        self.assertEqual(run(built / "small").split()[1], "431080")

    def test_an_op_of_ones_own_passes_its_table(self):
        self.assertRegex(run(self.examples / "pixel_shuffle_test"), r"\n\[  PASSED  \] [1-9]")

    def test_a_model_of_ones_own_learns(self):
        folder, accuracy, _ = self.data()
        weights = self.folder / "weights.safetensors"
        said = run(self.examples / "custom_model", folder, weights)
        self.assertGreaterEqual(float(re.search(r"^accuracy (\S+)", said, re.M)[1]), accuracy, said)
        self.assertGreater(weights.stat().st_size, 100_000)

    def test_logistic_regression_by_hand_learns(self):
        if not (ROOT / "examples/logistic_by_hand.cpp").exists():
            return
        folder, _, accuracy = self.data()
        run(self.examples / "logistic_by_hand", folder, "--expect", accuracy)

    def data(self):
        if not data()[0].exists() and "DLFS_DATA" not in os.environ:
            self.skipTest("needs DLFS_DATA or the package dataset-fashion-mnist")
        return data()


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
