#!/usr/bin/env python3
"""Packs a build for another x86-64 Linux of the same age or newer: programs and the libraries they need.

    tools/bundle.py BUILD TARGET

glibc, libstdc++ and libgcc stay out (the other machine's are as new), CUDA's and cuDNN's as well (the program
opens the other machine's). Programs look beside themselves first ($ORIGIN), so nothing needs to be installed.
What is over 8 MB is stored as .xz; TARGET/unpack.sh unpacks it in place.
"""

import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path

STAY_OUT = re.compile(r"^(ld-linux|libc\.|libm\.|libdl\.|librt\.|libpthread\.|libstdc\+\+|libgcc_s|libcuda|libcu|libnv|libnccl)")
PACKED_FROM = 8_000_000  # bytes
LARGEST_BUNDLE = 40_000_000

UNPACK = """\
#!/bin/sh
# Unpacks what is large in place; run once on the machine that got this folder.
cd "$(dirname "$0")" || exit 1
for packed in *.xz; do
  [ -e "$packed" ] || continue
  library=${packed%.xz}
  [ -e "$library" ] && continue
  if command -v xz >/dev/null; then
    xz -dc "$packed" > "$library.part"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$packed" "$library.part"
  fi && chmod +x "$library.part" && mv "$library.part" "$library" || exit 1
done
"""


def programs(build):
    return [build / "dlfs", build / "dlfs_tests", build.parent / "examples/pixel_shuffle_test"]


def libraries(program):
    """{soname: path} of what the program needs and the bundle must bring."""
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^\s*(\S+) => (\S+)", listing, re.MULTILINE)
    return {name: Path(path) for name, path in found if not STAY_OUT.match(name)}


def strip(source, target, *how):
    subprocess.run(["strip", *how, "-o", target, source], check=True)


def pack(path):
    if path.stat().st_size <= PACKED_FROM:
        return
    packed = path.with_name(path.name + ".xz")
    with open(path, "rb") as source, lzma.open(packed, "wb", preset=2) as target:
        shutil.copyfileobj(source, target)
    path.unlink()


def main(build, target):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    needed = {}
    for program in programs(build):
        strip(program, target / program.name)
        pack(target / program.name)
        needed.update(libraries(program))
    for name, path in sorted(needed.items()):
        strip(path, target / name, "--strip-unneeded")
        pack(target / name)
    (target / "unpack.sh").write_text(UNPACK)
    (target / "unpack.sh").chmod(0o755)

    files = sorted(target.iterdir())
    for path in files:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")
    total = sum(path.stat().st_size for path in files)
    print(f"{total / 1e6:8.1f} MB in all")
    if total > LARGEST_BUNDLE:
        sys.exit(f"the bundle is larger than {LARGEST_BUNDLE / 1e6:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
