#!/usr/bin/env python3
"""Counts what a ctest run really did and prints it: skips with their reasons, then `N passed, N failed, N skipped`.

    tools/count_tests.py BUILD      reads BUILD/ctest.xml (ctest --output-junit) and BUILD/results/*.xml (gtest)

A ctest entry with a gtest report counts as its tests, any other as one. An entry that ctest calls failed
counts at least one failure, whatever its report says (it crashed, or leaked at its end). Exit 1 on a failure
or where nothing ran.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def gtest_report(path):
    """(Counter of passed, failed, skipped; {reason: [names]}) of one gtest XML file; (None, {}) if there is none."""
    if not path.exists():
        return None, {}
    counts, reasons = Counter(), {}
    for case in ElementTree.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            counts["failed"] += 1
        elif skipped is not None:
            counts["skipped"] += 1
            reason = (skipped.get("message") or "no reason given").strip().splitlines()[-1]
            reasons.setdefault(reason, []).append(f"{case.get('classname')}.{case.get('name')}")
        elif case.get("status") == "run":
            counts["passed"] += 1
    return counts, reasons


def main(build):
    total, reasons, failed = Counter(), {}, []
    for entry in ElementTree.parse(build / "ctest.xml").iter("testcase"):
        name, passed = entry.get("name"), entry.get("status") == "run"
        counts, why = gtest_report(build / "results" / (name.replace("/", "_") + ".xml"))
        if counts is None:
            left_out = entry.find("skipped") is not None
            counts = Counter(skipped=1) if left_out else Counter(passed=1) if passed else Counter(failed=1)
            if left_out:
                why = {"a check of the tree left something out": [name]}
        elif not passed and not counts["failed"]:
            counts["failed"] = 1
        if counts["failed"]:
            failed.append(name)
        total += counts
        for reason, tests in why.items():
            reasons.setdefault(reason, []).extend(tests)

    for reason, tests in sorted(reasons.items()):
        shown = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
        print(f"skipped {len(tests)}: {reason} ({shown})")
    if failed:
        print(f"failed: {', '.join(failed)}")
    if not total["passed"] and not total["failed"]:
        print("nothing ran")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
