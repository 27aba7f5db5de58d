#!/usr/bin/env python3
"""What README.md, CONTRIBUTING.md and docs/ show must be true: every block of C++ or CMake stands so in the tree, every
link leads somewhere, every `./dev WORD` is a word, and every command of the program runs (each page's in their order,
into a folder of their own).

    tools/readme_test.py [BUILD]        exit 77 where something had to be left out
    tools/readme_test.py --gpu BUILD    only the blocks marked gpu; ./dev gpu-check runs them"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GPU = "--gpu" in sys.argv and not sys.argv.remove("--gpu")
BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def blocks(page, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), re.S | re.M)


def run(command, folder):
    """Its output. Paths of the page become those of this machine."""
    words = command.replace("runs/", f"{folder}/").replace("build/release", str(BUILD)).replace("~/examples", str(BUILD))
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


class Pages(unittest.TestCase):
    def test_blocks_stand_in_the_tree(self):
        for kind, places in (("cpp", (("dlfs", "*.h"), ("dlfs", "*.cpp"), ("examples", "*.h"), ("examples", "*.c*"))),
                             ("cmake", (("examples", "CMakeLists.txt"), ("tools", "examples_test.py")))):
            texts = [squeezed(path.read_text()) for top, name in places for path in (ROOT / top).rglob(name)]
            for page in PAGES:
                for block in blocks(page, kind):
                    self.assertTrue(any(squeezed(block) in text for text in texts), f"{page.name}: no file holds\n{block}")

    def test_blocks_are_of_a_kind_that_is_checked(self):
        for page in PAGES:
            for kind in re.findall(r"^```(\S.*)$", page.read_text(), re.M):
                elsewhere = {"add_an_op.md": r"|sh|diff \S+",  # add_an_op_test.py
                             "cli.md": "|text"}.get(page.name, "")  # the program's own test
                self.assertRegex(kind, rf"^(cpp|cmake|sh gpu{elsewhere})$", page.name)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
            for target in re.findall(r"\]\(([^)#:]+)\)", prose):
                self.assertTrue((page.parent / target).exists(), f"{page.name} links to {target}")

    def test_words_of_dev_exist(self):
        known = set(re.findall(r"^\./dev ([\w-]+)", subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True,
                                                                  check=True).stdout, re.M)) | {"help"}
        for page in PAGES:
            for word in re.findall(r"\./dev ([\w-]+)", page.read_text()):
                self.assertIn(word, known | {"WORD"}, page.name)

    def test_commands_run(self):
        if not FASHION.exists():
            self.skipTest("needs the package dataset-fashion-mnist")
        commands = {page: re.findall(r"^    ((?:build/release/\S+|tools/\S+|\(echo) .*)$", page.read_text(), re.M) for page in PAGES}
        self.assertGreaterEqual(len(commands[ROOT / "README.md"]), 3)
        for of_page in commands.values():
            with tempfile.TemporaryDirectory() as folder:
                said = "".join(run(command, folder) for command in of_page)
                if "00000.png" in "".join(of_page):
                    self.assertIn("00000.png: 28x28 gray\n", said)


class OnGpu(unittest.TestCase):
    def test_blocks_marked_gpu_run(self):
        for page in PAGES:
            with tempfile.TemporaryDirectory() as folder:
                for command in "".join(blocks(page, "sh gpu")).splitlines():
                    said = run(command, folder)
                    print(said)
                    self.assertNotIn("SKIPPED", said, command)


if __name__ == "__main__":
    result = unittest.main(defaultTest="OnGpu" if GPU else "Pages", exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
