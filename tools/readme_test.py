#!/usr/bin/env python3
"""What README.md and docs/ show must be true: every C++ block stands so in the code, every link leads somewhere, every
`./dev WORD` is a word, and every command of the program runs (README's in their order, into a folder of their own).

    tools/readme_test.py [BUILD]      exit 77 where something had to be left out"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"
PROGRAM = BUILD / "dlfs"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


class Pages(unittest.TestCase):
    def test_code_blocks_stand_in_the_code(self):
        code = [squeezed(p.read_text()) for p in (ROOT / "dlfs").rglob("*.cpp")]
        for page in PAGES:
            for block in re.findall(r"```cpp\n(.*?)```", page.read_text(), re.S):
                self.assertTrue(any(squeezed(block) in text for text in code), f"{page.name}: no file holds\n{block}")

    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
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
        commands = re.findall(r"^    (build/release/dlfs .*)$", (ROOT / "README.md").read_text(), re.M)
        self.assertGreaterEqual(len(commands), 3)
        with tempfile.TemporaryDirectory() as folder:
            for command in commands:
                words = command.replace("runs/", folder + "/").replace("build/release/dlfs", str(PROGRAM)).split()
                done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
                self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
