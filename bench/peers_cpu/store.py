#!/usr/bin/env python3
"""Reads images with their boxes from an annotation store by Python's own sqlite3, as a peer of dlfs::Store.

    bench/peers_cpu/store.py STORE READS IMAGES IMAGE_SQL ANNOTATION_SQL

The two statements are those of dlfs (cached by the module, in autocommit), so are the pragmas and the images, 2 to IMAGES
in a scattered order. Prints the seconds, the count of boxes and the sum of their widths. The test SlowStoreSpeed runs
this beside dlfs's own reads, in alternating pairs, and compares.
"""
import sqlite3
import sys
import time

path, reads, images = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
image_sql, annotation_sql = sys.argv[4:]
store = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
for pragma in ("cell_size_check = ON", "temp_store = MEMORY", "busy_timeout = 5000"):
    store.execute("PRAGMA " + pragma)


def read(count):
    boxes, widths = 0, 0.0
    for i in range(count):
        image = (2 + i * 48271 % (images - 1),)
        store.execute(image_sql, image).fetchone()
        rows = store.execute(annotation_sql, image).fetchall()
        boxes += len(rows)
        for row in rows:
            widths += row[5]
    return boxes, widths


read(reads // 10)
start = time.perf_counter()
boxes, widths = read(reads)
print(time.perf_counter() - start, boxes, widths)
