#!/usr/bin/env python3
"""Unpacks what a build needs of oneDNN's two wheels: headers, one copy of the library, licences.

    tools/unpack_onednn.py WHEELS TARGET     TARGET gets include/, lib/, LICENSE, THIRD-PARTY-PROGRAMS
"""

import sys
import zipfile
from pathlib import Path

LIBRARY = "libdnnl.so.3"


def main(wheels, target):
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                place = name.partition(".data/data/")[2]  # what the wheel would lay into a virtual environment
                if place.startswith("share/doc/onednn/") and not place.endswith("README"):
                    place = Path(place).name
                elif not place.startswith("include/") and place != f"lib/{LIBRARY}":
                    continue
                path = target / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
    (target / "lib" / "libdnnl.so").symlink_to(LIBRARY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
