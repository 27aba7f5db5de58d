#!/usr/bin/env python3
"""Prints how large the house is: lines per folder, tests apart, against the budget of 25,000."""

import sys
from collections import Counter
from pathlib import Path

import check_layers

BUDGET = 25_000


def count(path):
    """Counter of code, comment and blank lines. A line that holds any code is code."""
    counts, inside = Counter(), False
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if inside or line.startswith("/*"):
            counts["comment"] += 1
            inside = "*/" not in line
        elif not line:
            counts["blank"] += 1
        else:
            counts["comment" if line.startswith("//") else "code"] += 1
    return counts


def row(name, files, counts):
    total = sum(counts.values())
    return f"{name:<34}{files:>6}{counts['code']:>8}{counts['comment']:>9}{counts['blank']:>7}{total:>8}"


def measure(root):
    """{folder: [files, Counter]} of the library, the same of its tests, and [(lines, path)] of the library."""
    library, tests, files = {}, {}, []
    for path in check_layers.sources(root):
        if path.parts[0] != "dlfs":
            continue
        counts = count(root / path)
        side = tests if check_layers.is_test(path) else library
        entry = side.setdefault(str(path.parent), [0, Counter()])
        entry[0] += 1
        entry[1] += counts
        if side is library:
            files.append((sum(counts.values()), path))
    return library, tests, sorted(files)


def main():
    library, tests, files = measure(Path(__file__).resolve().parent.parent)
    if not files:
        print("no file yet")
        return 1
    print(f"{'folder':<34}{'files':>6}{'code':>8}{'comment':>9}{'blank':>7}{'lines':>8}")
    for folder in sorted(library, key=lambda name: (check_layers.FLOORS.get(name.split("/")[1], 0), name)):
        print(row(folder, *library[folder]))
    total = sum((counts for _, counts in library.values()), Counter())
    print(row("the library", len(files), total))
    print(row("its tests", sum(n for n, _ in tests.values()), sum((c for _, c in tests.values()), Counter())))
    lines = sum(total.values())
    median, ninth = files[len(files) // 2][0], files[len(files) * 9 // 10][0]
    print(f"files: median {median} lines, 90th percentile {ninth}, largest {files[-1][0]} ({files[-1][1]})")
    print(f"budget: {lines:,} of {BUDGET:,} lines ({100 * lines / BUDGET:.0f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
