#!/usr/bin/env python3
"""Holds the test accuracies of two groups of runs against each other: compare_runs.py RUN... -- RUN...
Exit 1 where the means differ by more than half a point."""
import json
import pathlib
import statistics
import sys

MOST = 0.005


def main():
    words = sys.argv[1:]
    if "--" not in words:
        sys.exit(__doc__)
    groups = [words[:words.index("--")], words[words.index("--") + 1:]]
    means = []
    for group in groups:
        results = [json.loads((pathlib.Path(run) / "result.json").read_text()) for run in group]
        means.append(statistics.mean(r["test_accuracy"] for r in results))
        print(f"{results[0]['device']}: test accuracy " + " ".join(f"{r['test_accuracy']:.4f}" for r in results) +
              f", mean {means[-1]:.4f}; {statistics.median(r['train_images_per_second'] for r in results):,.0f} img/s")
    difference = abs(means[0] - means[1])
    print(f"the means differ by {difference:.4f}, at most {MOST} is allowed")
    sys.exit(difference > MOST)


if __name__ == "__main__":
    main()
