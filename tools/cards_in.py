#!/usr/bin/env python3
"""Says for which cards a program holds compiled CUDA code, without CUDA's tools.

    tools/cards_in.py PROGRAM              prints them: sm_75 sm_80
    tools/cards_in.py PROGRAM 75 80-real   exit 1 where one of these is missing (the build asks so after linking)

nvcc puts a fat binary into the program for every .cu file: a header of 16 bytes (magic, version, size of the header, size of
what follows) and entries, each with a header that holds its kind (1: PTX, 2: compiled), its own size, the size of its code,
and at byte 28 the architecture. A card counts where every fat binary has code for it.
"""
import pathlib
import re
import struct
import sys

MAGIC = struct.pack("<I", 0xBA55ED50)
COMPILED = 2


def architectures(content):
    """[{75, 80}]: of each fat binary, in their order."""
    found, at = [], content.find(MAGIC)
    while at >= 0:
        _, _, header, size = struct.unpack_from("<IHHQ", content, at)
        entry, end, mine = at + header, at + header + size, set()
        while entry < end:
            kind, _, header, size = struct.unpack_from("<HHIQ", content, entry)
            if kind == COMPILED:
                mine.add(struct.unpack_from("<I", content, entry + 28)[0])
            entry += header + size
        found.append(mine)
        at = content.find(MAGIC, end)
    return found


def main(program, *wanted):
    binaries = architectures(pathlib.Path(program).read_bytes())
    everywhere = set.intersection(*binaries) if binaries else set()
    missing = [w for w in wanted if re.fullmatch(r"\d+(-real)?", w) and int(w.split("-")[0]) not in everywhere]
    if missing:
        sys.exit(f"cards_in.py: {program} lacks code for sm {' '.join(missing)}; it has {len(binaries)} fat binaries")
    if not wanted:
        print(*(f"sm_{a}" for a in sorted(everywhere)))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
