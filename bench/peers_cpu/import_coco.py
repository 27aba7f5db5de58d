#!/usr/bin/env python3
"""Imports a COCO file of train2017's size with dlfs and, beside it, with Python's json and sqlite3 writing the same rows.

    bench/peers_cpu/import_coco.py PROGRAM [--images 118000] [--annotations 860000] [--folder DIR] [--repeat 1]

makes the file (the same bytes every time), runs `PROGRAM import coco` on it and the same work in Python, each as a
process of its own, compares all rows, and prints one line of JSON: seconds (by the clock, and of the processor) and peak
memory of both, and the ratios; of several repeats, the medians.
"""

import argparse
import hashlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLUMNS = {
    "folder": "id, path",
    "category": "id, name, supercategory, source_id",
    "image": "id, folder, path, width, height, split, sha256, source_id, extra",
    "annotation": "id, image, category, x, y, width, height, area, crowd, origin, deleted, source_id",
    "detail": "annotation, segmentation, extra",
}


def make(path, images, annotations):
    """A file with the members, order and mean lengths of instances_train2017.json, by formulas."""
    state = 1

    def random(below):
        nonlocal state
        state = state * 48271 % 2147483647
        return state % below

    def polygon():
        return [round(random(64000) / 100, 2) for _ in range(2 * (3 + random(17 + random(35))))]

    polygons = [json.dumps([polygon() for _ in range(1 + random(10) // 9)]) for _ in range(4096)]
    runs = [64000 + random(9) for _ in range(3)]
    crowd = json.dumps({"counts": [*runs, 307200 - sum(runs)], "size": [480, 640]})
    with open(path, "w", encoding="ascii") as out:
        out.write('{"info": {"description": "made by a formula", "year": 2017}, "licenses": [{"id": 1, "name": "none"}], "images": [')
        for i in range(images):
            name = f"{5 * i + 9:012}.jpg"
            out.write(", " * (i > 0) + f'{{"license": {i % 8 + 1}, "file_name": "{name}", "coco_url": '
                      f'"http://images.cocodataset.org/train2017/{name}", "height": 480, "width": 640, "date_captured": '
                      f'"2013-11-14 11:18:45", "flickr_url": "http://farm9.staticflickr.com/8186/8119368305_{i:010}_z.jpg", '
                      f'"id": {5 * i + 9}}}')
        out.write('], "annotations": [')
        for i in range(annotations):
            is_crowd = i % 86 == 0
            segmentation = crowd if is_crowd else polygons[random(4096)]
            box = [random(2000) / 4, random(1500) / 4, random(500) / 4 + 1, random(400) / 4 + 1]
            out.write(", " * (i > 0) + f'{{"segmentation": {segmentation}, "area": {random(10**8) / 10**4 + 1}, "iscrowd": '
                      f'{int(is_crowd)}, "image_id": {5 * (i * 48271 % images) + 9}, "bbox": {json.dumps(box)}, '
                      f'"category_id": {random(80) + 1}, "id": {1000 + 7 * i}}}')
        out.write('], "categories": [')
        out.write(", ".join(f'{{"supercategory": "kind {i // 8}", "id": {i}, "name": "thing {i}"}}' for i in range(1, 81)))
        out.write("]}")


def peer(source, target, schema, folder):
    """The work of dlfs, as one writes it in Python: the same tables, pragmas and rows."""
    database = sqlite3.connect(target, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    for statement in json.loads(Path(schema).read_text(encoding="utf-8")):
        database.execute(statement)
    with open(source, encoding="utf-8") as file:
        data = json.load(file)
    database.execute("BEGIN")
    database.execute("INSERT INTO folder VALUES(1, ?)", (folder,))
    categories = {c["id"]: i + 1 for i, c in enumerate(data["categories"])}
    database.executemany("INSERT INTO category VALUES(?, ?, ?, ?)",
                         ((categories[c["id"]], c["name"], c["supercategory"], c["id"]) for c in data["categories"]))
    images = {image["id"]: i + 1 for i, image in enumerate(data["images"])}
    usual = {"id", "file_name", "width", "height"}

    def extra(image):
        return json.dumps({k: v for k, v in image.items() if k not in usual}, separators=(",", ":"))

    database.executemany("INSERT INTO image VALUES(?, 1, ?, ?, ?, 0, NULL, ?, ?)",
                         ((images[m["id"]], m["file_name"], m["width"], m["height"], m["id"], extra(m)) for m in data["images"]))
    annotations = sorted(data["annotations"], key=lambda a: images[a["image_id"]])
    database.executemany("INSERT INTO annotation VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)",
                         ((i + 1, images[a["image_id"]], categories[a["category_id"]], *a["bbox"], a["area"], a["iscrowd"], a["id"])
                          for i, a in enumerate(annotations)))
    database.executemany("INSERT INTO detail VALUES(?, ?, '')",
                         ((i + 1, json.dumps(a["segmentation"])) for i, a in enumerate(annotations)))
    database.execute("COMMIT")
    database.close()


def timed(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} failed: {output}")
    return {"seconds": round(seconds, 2), "cpu": round(usage.ru_utime + usage.ru_stime, 2), "mebibytes": usage.ru_maxrss // 1024}, output


def rows(path):
    """Count and checksum of each table's rows, in the order of their ids."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {}
    for table, columns in COLUMNS.items():
        digest, count = hashlib.blake2b(digest_size=8), 0
        for row in database.execute(f"SELECT {columns} FROM {table} ORDER BY 1"):
            digest.update(repr(row).encode())
            count += 1
        found[table] = (count, digest.hexdigest())
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--images", type=int, default=118000)
    parser.add_argument("--annotations", type=int, default=860000)
    parser.add_argument("--folder", help="where to work; a temporary folder by default")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.peer:
        return peer(*words.peer)
    with tempfile.TemporaryDirectory(dir=words.folder) as temporary:
        work = Path(temporary)
        source = work / "annotations" / "instances_train2017.json"
        source.parent.mkdir()
        make(source, words.images, words.annotations)
        ours, theirs = [], []
        for turn in range(words.repeat):
            for name in ("ours.db", "theirs.db"):
                for old in work.glob(name + "*"):
                    old.unlink()
            ours.append(timed([words.program, "import", "coco", str(work), "--db", str(work / "ours.db")])[0])
            database = sqlite3.connect(work / "ours.db")
            schema = [s for s, in database.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")]
            folder, = database.execute("SELECT path FROM folder").fetchone()
            database.close()
            (work / "schema.json").write_text(json.dumps(schema))
            theirs.append(timed([sys.executable, __file__, words.program, "--peer", str(source), str(work / "theirs.db"),
                                 str(work / "schema.json"), folder])[0])
            if rows(work / "ours.db") != rows(work / "theirs.db"):
                sys.exit(f"the rows differ: {rows(work / 'ours.db')} and {rows(work / 'theirs.db')}")
        median = [sorted(times, key=lambda t: t["seconds"])[len(times) // 2] for times in (ours, theirs)]
        print(json.dumps({"bytes": source.stat().st_size, "dlfs": median[0], "python": median[1],
                          "ratio": round(median[1]["seconds"] / median[0]["seconds"], 2),
                          "cpu_ratio": round(median[1]["cpu"] / median[0]["cpu"], 2),
                          "rows": {table: count for table, (count, _) in rows(work / "ours.db").items()}}))


if __name__ == "__main__":
    main()
