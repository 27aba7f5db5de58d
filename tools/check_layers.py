#!/usr/bin/env python3
"""Checks who includes whom: the floors of the house, and who may touch a vendor's library.

    tools/check_layers.py           check the tree that this file stands in; exit 1 on any fault
    tools/check_layers.py --table   print the drawing that it holds
    tools/check_layers.py ROOT      check another tree
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

# The drawing is the data: floor number, then the folders up to the bar. Includes point down only.
HOUSE = """\
7   main                        | the program: one file a verb
6   train       serve           | loop, checkpoint, evaluation; everything that listens
5   models      data            | layers and models, model file; annotation store, decode, augment, loader
4   ops                         | one folder an op: its rule, its gradient, its CPU half, its GPU half, its tests
3   graph   cpu   gpu   dist    | trace, differentiate, place, plan, state; oneDNN; cuDNN; ranks that sum
2   tensor                      | the words (Shape, DType, Tensor, Memory) and the device
1   base                        | errors, log, files, threads, clock, random numbers, metrics, events
"""

# The rooms of a folder that stand on each other, from the ground up; elsewhere rooms of one folder are neighbours.
STAIRS = {"data": ["codec", "store", "augment", "formats", "loader", "review"]}

# Which vendor's header, and the source files that may include it. A header of ours never does.
CPU = "dlfs/cpu/*.cpp dlfs/*_cpu.cpp examples/*_cpu.cpp"
GPU = "dlfs/gpu/*.cpp dlfs/*_gpu.cpp dlfs/*.cu examples/*_gpu.cpp examples/*.cu"
VENDORS = """\
oneapi/dnnl/*           {CPU}
dnnl*                   {CPU}
cuda*                   {GPU} dlfs/dist/*.cpp
cub/*                   {GPU}
cudnn*                  {GPU}
nvjpeg.h                {GPU}
nccl.h                  dlfs/dist/*.cpp
cupti*                  dlfs/testing/*.cpp
simdjson.h              dlfs/base/json.cpp dlfs/data/formats/*.cpp
zlib.h                  dlfs/data/*.cpp
png.h                   dlfs/data/*.cpp
jpeglib.h               dlfs/data/codec/*.cpp dlfs/data/loader/stream_test.cpp
jerror.h                dlfs/data/codec/*.cpp
sqlite3.h               dlfs/data/store/database.cpp
dlfs/schema/*           dlfs/data/*.cpp dlfs/models/*.cpp dlfs/serve/*.cpp
microhttpd.h            dlfs/serve/*.cpp
toml++/*                dlfs/base/toml.cpp
CLI/*                   dlfs/main/*.cpp
gtest/*                 dlfs/*_test.cpp dlfs/testing/* examples/*_test.cpp
""".format(CPU=CPU, GPU=GPU)

# Vendors that exactly one file of ours wraps.
WRAPPED_ONCE = ["CLI/*"]

# What else may stand in angle brackets: C++'s own headers (no dot), and these of the system.
SYSTEM = """
arpa/*.h dirent.h dlfcn.h errno.h fcntl.h float.h immintrin.h inttypes.h limits.h math.h netdb.h netinet/*.h
malloc.h poll.h pthread.h sched.h signal.h stddef.h stdint.h stdio.h stdlib.h string.h sys/*.h syslog.h termios.h time.h
unistd.h cpuid.h
""".split()

LONGEST = 500  # lines of one file
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def floors():
    """{"conv's folder": floor number}, from the drawing."""
    table = {}
    for line in HOUSE.splitlines():
        number, *folders = line.split("|")[0].split()
        table.update((folder, int(number)) for folder in folders)
    return table


def vendors():
    """[(pattern of a header, [patterns of files])], from the table."""
    return [(line.split()[0], line.split()[1:]) for line in VENDORS.splitlines()]


FLOORS, VENDOR_TABLE = floors(), vendors()


def sources(root):
    """The C++ and CUDA files of the tree, as paths relative to it."""
    found = []
    for top in ("dlfs", "bench", "examples"):
        found += [path for path in (root / top).rglob("*") if path.suffix in (".h", ".cpp", ".cu", ".cuh")]
    return sorted(path.relative_to(root) for path in found)


def is_test(path):
    return path.stem.endswith("_test") or path.parts[:2] == ("dlfs", "testing")


def opens_devices(path):
    return is_test(path) or path.parts[0] != "dlfs" or path.parts[1] == "main"


def includes(root, path):
    """[(line number, '<' or '"', header)] of one file."""
    text = (root / path).read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start(2)) + 1, *match.groups()) for match in INCLUDE.finditer(text)]


def fault_of_ours(path, target):
    """Why `path` may not include our header `target`; None where it may."""
    folder = target.parts[1] if len(target.parts) > 2 else ""
    if folder == "testing":
        return None if is_test(path) else "dlfs/testing is for tests only"
    if folder not in FLOORS:
        return f"{target} stands in no folder of the house"
    if path.parts[0] == "examples" and folder == "main":
        return "dlfs/main is the program; it is not installed"
    if path.parts[0] != "dlfs" or path.parts[1] == "testing":
        return None
    home = path.parts[1]
    if home not in FLOORS:
        return f"{home} is no folder of the house"
    if home == folder:
        room, other = path.parts[2:-1], target.parts[2:-1]
        stairs = STAIRS.get(home, [])
        if room and other and room[0] in stairs and other[0] in stairs:
            above = stairs.index(room[0]) < stairs.index(other[0])
            return f"{home}/{room[0]} may not look up to {home}/{other[0]}" if above else None
        return None if not room or not other or room == other else f"{home}/{room[0]} is a neighbour of {home}/{other[0]}"
    if folder in ("cpu", "gpu"):
        if opens_devices(path):
            return None
        half = path.stem.endswith("_" + folder) or (folder == "gpu" and path.suffix in (".cu", ".cuh"))
        if not half:
            return f"only *_{folder}.cpp includes dlfs/{folder}"
    if FLOORS[home] == FLOORS[folder]:
        return f"{home} and {folder} are neighbours on floor {FLOORS[home]}"
    if FLOORS[home] < FLOORS[folder]:
        return f"{home} (floor {FLOORS[home]}) may not look up to {folder} (floor {FLOORS[folder]})"
    return None


def fault_of_vendor(path, header):
    """Why `path` may not include the foreign `header`; None where it may."""
    for pattern, allowed in VENDOR_TABLE:
        if fnmatch(header, pattern):
            if path.suffix not in (".cpp", ".cu") and not is_test(path):
                return f"a header of ours includes <{header}>; only a .cpp or .cu may"
            if not any(fnmatch(str(path), place) for place in allowed):
                return f"<{header}> belongs in {' '.join(allowed)}"
            return None
    if "." not in header and "/" not in header:
        return None
    if any(fnmatch(header, pattern) for pattern in SYSTEM):
        return None
    return f"<{header}> is a library that tools/check_layers.py does not know"


def faults(root):
    """Every fault of the tree, as a line `file:line: why`."""
    found, wrappers = [], {pattern: set() for pattern in WRAPPED_ONCE}
    for path in sources(root):
        lines = (root / path).read_text(encoding="utf-8").count("\n")
        if lines > LONGEST:
            found.append(f"{path}:{lines}: {lines} lines, but {LONGEST} is the most that a file may have")
        for line, quote, header in includes(root, path):
            if header.startswith("dlfs/schema/"):  # made from schema/*.fbs
                why = fault_of_vendor(path, header)
            elif header.startswith("dlfs/") and quote == '"':
                why = fault_of_ours(path, Path(header))
            elif header.startswith("dlfs/"):
                why = f'ours is written "{header}"'
            elif quote == '"' and path.parts[0] == "examples" and (root / "examples" / header).is_file():
                why = None
            elif quote == '"':
                why = f'"{header}" does not begin with dlfs/'
            else:
                why = fault_of_vendor(path, header)
                for pattern in WRAPPED_ONCE:
                    if fnmatch(header, pattern):
                        wrappers[pattern].add(str(path))
            if why:
                found.append(f"{path}:{line}: {why}")
    for pattern, files in wrappers.items():
        if len(files) > 1:
            found.append(f"{min(files)}: <{pattern}> is wrapped by one file, but here by {', '.join(sorted(files))}")
    return found


def main(arguments):
    if arguments == ["--table"]:
        print(HOUSE, end="")
        return 0
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = faults(root)
    print("\n".join(found) if found else f"{len(sources(root))} files keep to the floors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
