#!/usr/bin/env python3
"""Draws the house to docs/house.svg: floors from the drawing in check_layers.py, folders as rooms, rooms of a folder
inside their floor, and the includes between folders as lines whose width is their number.

    tools/picture.py [FILE]

The more lines a floor has, the taller it is; rooms share its width by their lines. A line between rooms has the
colour of the floor it comes from; an include that points up or sideways would be red (check_layers lets none stand).
"""

import sys
from collections import Counter, defaultdict
from html import escape
from math import sqrt
from pathlib import Path

import check_layers
import size

WIDTH, MARGIN, LABEL = 1200, 40, 96  # the drawing, its edge, the column of floor numbers
LOWEST, TALLEST, GAP = 84, 176, 48   # height of an empty and of the largest floor; the air between, where lines run
ROOM_GAP, SMALLEST = 16, 118         # between rooms of one floor; the narrowest room
ROW, IN_A_ROW = 76, 6                # of rooms within a folder
TOP = 116

INK, QUIET, UP = "#2b3440", "#6b7783", "#d0021b"
COLOURS = {7: "#f3e3d3", 6: "#f4ead0", 5: "#e6edd3", 4: "#d7ebdd", 3: "#d5e8ee", 2: "#dbe2f3", 1: "#e6dff0"}
LINES = {7: "#c08a5a", 6: "#b99a3a", 5: "#86a048", 4: "#4f9d73", 3: "#4b93ad", 2: "#6d83c4", 1: "#8f79b5"}
FONT = "font-family=\"'Inter','Segoe UI','Helvetica Neue','DejaVu Sans',Arial,sans-serif\""


def house():
    """{floor: [folders]}, from the drawing."""
    floors = {}
    for line in check_layers.HOUSE.splitlines():
        number, *folders = line.split("|")[0].split()
        floors[int(number)] = folders
    return floors


def measured(root):
    """({folder: lines}, {folder: {its room: lines}}, Counter of (from folder, to folder)); tests aside."""
    library, _, _ = size.measure(root)
    lines, inside, arrows = Counter(), defaultdict(Counter), Counter()
    for folder, (_, counts) in library.items():
        parts = folder.split("/")
        lines[parts[1]] += sum(counts.values())
        if len(parts) == 3:
            inside[parts[1]][parts[2]] += sum(counts.values())
    for path in check_layers.sources(root):
        if path.parts[0] != "dlfs" or check_layers.is_test(path):
            continue
        for _, _, header in check_layers.includes(root, path):
            target = header.split("/")
            if target[0] == "dlfs" and len(target) > 2 and target[1] != path.parts[1]:
                arrows[path.parts[1], target[1]] += 1
    return lines, inside, arrows


def spread(names, weights, left, right, smallest, gap):
    """{name: (x, width)}: side by side from left to right, each at least `smallest`, the rest shared by weight."""
    free = right - left - gap * (len(names) - 1) - smallest * len(names)
    total = sum(weights[name] for name in names) or 1
    places, x = {}, left
    for name in names:
        width = smallest + free * (weights[name] or (0 if total > 1 else 1)) / total
        places[name] = (x, width)
        x += width + gap
    return places


class Drawing:
    def __init__(self):
        self.parts = []

    def box(self, x, y, width, height, fill, stroke="none", radius=10, dash=""):
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" '
                          f'fill="{fill}" stroke="{stroke}"{dashed}/>')

    def text(self, x, y, words, points, colour=INK, weight=400, anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{points}" fill="{colour}" '
                          f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>')

    def arrow(self, start, end, count, colour):
        (x1, y1), (x2, y2) = start, end
        bend = max(26, abs(y2 - y1) * 0.45)
        if y2 < y1:
            bend = -bend
        width = min(7.0, 0.8 + 0.55 * sqrt(count))
        self.parts.append(f'<path d="M{x1:.1f},{y1:.1f} C{x1:.1f},{y1 + bend:.1f} {x2:.1f},{y2 - bend:.1f} {x2:.1f},{y2:.1f}" '
                          f'fill="none" stroke="{colour}" stroke-width="{width:.2f}" stroke-opacity="0.7" '
                          f'stroke-linecap="round"/><circle cx="{x2:.1f}" cy="{y2:.1f}" r="{2.4 + width / 2:.2f}" fill="{colour}"/>')

    def svg(self, height):
        body = "\n".join(self.parts)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" {FONT}>\n'
                f'<rect width="{WIDTH}" height="{height}" fill="#fdfdfb"/>\n{body}\n</svg>\n')


def ports(arrows, rooms, floor_of):
    """{(from, to): (start, end)}: each room gives its lines their own places along its lower and upper edge."""
    def centre(name):
        x, _, width, _ = rooms[name]
        return x + width / 2

    ends = {}
    for room in rooms:
        for side, mine, other in (("out", 0, 1), ("in", 1, 0)):
            lines = [pair for pair in arrows if pair[mine] == room]
            lines.sort(key=lambda pair: centre(pair[other]))
            x, y, width, height = rooms[room]
            for i, pair in enumerate(lines):
                down = floor_of[pair[0]] > floor_of[pair[1]]
                low = (side == "out") == down
                ends.setdefault(pair, {})[side] = (x + width * (i + 1) / (len(lines) + 1), y + height if low else y)
    return {pair: (both["out"], both["in"]) for pair, both in ends.items()}


def draw(root):
    lines, inside, arrows = measured(root)
    floors, floor_of = house(), check_layers.FLOORS
    arrows = {pair: n for pair, n in arrows.items() if pair[0] in floor_of and pair[1] in floor_of}
    drawing, rooms, bands = Drawing(), {}, []
    left, right, y = MARGIN + LABEL, WIDTH - MARGIN, TOP
    weight = {number: sum(lines[name] for name in folders) for number, folders in floors.items()}
    for number, folders in floors.items():
        height = LOWEST + (TALLEST - LOWEST) * weight[number] / max(*weight.values(), 1)
        rows = max(-(-len(inside[name]) // IN_A_ROW) for name in folders)
        if rows > 0:
            height = 82 + ROW * rows
        bands.append((number, y, height))
        for name, (x, width) in spread(folders, lines, left + 16, right - 16, SMALLEST, ROOM_GAP).items():
            rooms[name] = (x, y + 16, width, height - 32)
        y += height + GAP
    height = y - GAP + 76

    drawing.text(MARGIN, 56, "The house of dlfs", 30, weight=600)
    drawing.text(MARGIN, 86, f"{sum(lines.values()):,} lines in {sum(1 for n in lines.values() if n)} folders, tests aside. "
                 "A line runs from who includes to what is included; its width is the number of includes.", 15.5, QUIET)
    for number, top, tall in bands:
        drawing.box(MARGIN, top, WIDTH - 2 * MARGIN, tall, COLOURS[number], radius=14)
        drawing.text(MARGIN + 26, top + tall / 2 + 11, str(number), 30, QUIET, 300)
    for pair, (start, end) in sorted(ports(arrows, rooms, floor_of).items(), key=lambda item: -arrows[item[0]]):
        up = floor_of[pair[0]] <= floor_of[pair[1]]
        drawing.arrow(start, end, arrows[pair], UP if up else LINES[floor_of[pair[0]]])
    for name, (x, top, width, tall) in rooms.items():
        empty = not lines[name]
        drawing.box(x, top, width, tall, COLOURS[floor_of[name]] if empty else "#ffffff", "#c9d1d9", dash="5 5" if empty else "")
        words = f"{lines[name]:,} lines" if lines[name] else "not built yet"
        if inside[name]:
            draw_inside(drawing, name, inside[name], (x, top, width), words, COLOURS[floor_of[name]])
        else:
            drawing.text(x + width / 2, top + tall / 2 - 2, name, 20, QUIET if empty else INK, 600, "middle")
            drawing.text(x + width / 2, top + tall / 2 + 19, words, 14.5, QUIET, anchor="middle")
    red = sum(n for pair, n in arrows.items() if floor_of[pair[0]] <= floor_of[pair[1]])
    drawing.text(MARGIN, height - 30, f"{red} includes point up or sideways (red). Every line ends in a dot at what is included. "
                 "Drawn by tools/picture.py.", 14.5, UP if red else QUIET)
    return drawing.svg(height)


def draw_inside(drawing, folder, rooms, place, words, colour):
    """The rooms of a folder: those that stand on each other from the ground up, from left to right; ops by their names."""
    x, top, width = place
    stairs = check_layers.STAIRS.get(folder)
    drawing.text(x + 20, top + 30, folder, 20, INK, 600)
    what = "each room stands on those to its left" if stairs else "one room an op"
    drawing.text(x + 36 + 11.5 * len(folder), top + 30, f"{words}, {what}", 14.5, QUIET)
    names = sorted(rooms, key=stairs.index) if stairs else sorted(rooms)
    for start in range(0, len(names), IN_A_ROW):
        for name, (left, wide) in spread(names[start:start + IN_A_ROW], rooms, x + 16, x + width - 16, 104, 12).items():
            draw_room(drawing, name, rooms[name], (left, top + 46, wide), colour)
        top += ROW


def draw_room(drawing, name, lines, place, colour):
    x, top, width = place
    drawing.box(x, top, width, ROW - 12, colour, "#b9c9c3", 8)
    words = name.split("_")
    one_line = len(name) * 9.6 < width - 12 or len(words) == 1
    title = [" ".join(words)] if one_line else [" ".join(words[:-1]), words[-1]]
    for i, part in enumerate(title):
        drawing.text(x + width / 2, top + (28 if one_line else 20) + 17 * i, part, 15, INK, 600, "middle")
    drawing.text(x + width / 2, top + (48 if one_line else 55), f"{lines:,}", 13.5, QUIET, anchor="middle")


def main(arguments):
    root = Path(__file__).resolve().parent.parent
    path = Path(arguments[0]) if arguments else root / "docs" / "house.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(root), encoding="utf-8")
    print(f"drawn: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
