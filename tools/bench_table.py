#!/usr/bin/env python3
"""Draws the JSON lines of benchmarks in a report as two short tables, ours beside the peer's, and `dlfs bench` of models:
bench_table.py REPORT"""
import json
import sys


def rows(path, start):
    with open(path, errors="replace") as report:
        for line in report:
            if line.startswith(start):
                yield json.loads(line)


def models(path):
    lines = list(rows(path, '{"model"'))
    if lines:
        print(f"\n{'dlfs bench':<18}{'precision':<10}{'batch':>6}{'images/s':>10}{'ms':>9}{'to floor':>9}{'GiB':>6}{'compile s':>10}  losses or logits")
    for line in lines:
        check = f"{line['first_loss']} to {line['loss_after_20']}" if line["what"] == "train" else line["logits_sum"]
        print(f"{line['what'] + ' ' + line['model']:<18}{line['precision']:<10}{line['batch']:>6}{line['images_per_s']:>10,}{line['ms']:>9.3f}"
              f"{line['ratio']:>9.2f}{line['peak_bytes'] / 2**30:>6.1f}{line['compile_seconds']:>10.1f}  {check}")


def main():
    table = {}
    models(sys.argv[1])
    for row in rows(sys.argv[1], '{"what"'):
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
