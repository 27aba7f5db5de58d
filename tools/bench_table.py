#!/usr/bin/env python3
"""Draws the JSON lines of benchmarks in a report as one short table, ours beside the peer's: bench_table.py REPORT"""
import json
import sys


def rows(path):
    with open(path, errors="replace") as report:
        for line in report:
            if line.startswith('{"what"'):
                yield json.loads(line)


def main():
    table = {}
    for row in rows(sys.argv[1]):
        key = (row["what"], row["precision"], row["batch"])
        table.setdefault(key, {})["dlfs" if row["by"] == "dlfs" else row["mode"]] = row
    if not table:
        return
    print(f"\n{'us a step':<22}{'precision':<10}{'batch':>6}{'dlfs':>9}{'eager':>9}{'best':>9}{'eager/dlfs':>12}{'best/dlfs':>11}")
    for (what, precision, batch), by in table.items():
        us = [by[name]["microseconds"] if name in by else None for name in ("dlfs", "eager", "compiled + graph")]
        shown = "".join(f"{'-' if u is None else u:>9}" for u in us)
        ratios = "".join(f"{'-' if u is None or us[0] is None else f'{u / us[0]:.2f}x':>{w}}"
                         for u, w in ((us[1], 12), (us[2], 11)))
        print(f"{what:<22}{precision:<10}{batch:>6}{shown}{ratios}")


if __name__ == "__main__":
    main()
