"""Draws docs/images/structure.svg, the packages of spatialgan and which imports which, from the source's syntax trees.

    python docs/structure.py

Each box stands above all that it imports. An arrow that a longer way implies is left out. Small modules that many
others import are one box, the foundations. Dashed red arrows are imports inside functions that would otherwise close a
circle. docs/refresh.py draws it too, and a test sees that it is up to date.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/spatialgan"
PICTURE = ROOT / "docs/images/structure.svg"
FOUNDATIONS = ("config", "coords", "devices", "errors", "files", "locks", "sealed", "settings", "streams", "terminal")
Graph = dict[str, set[str]]
Place = str | tuple[str, str]  # a box, or the gap that an arrow passes a row through

BOX_WIDTH, BOX_HEIGHT, ARROW_WIDTH, GAP_X, GAP_Y, MARGIN = 128, 40, 8, 36, 52, 24
STYLE = """
text { font: 15px sans-serif; text-anchor: middle; fill: #20303a; }
rect { fill: #eef3f6; stroke: #546e7a; stroke-width: 1.2; } path { fill: none; stroke: #78909c; stroke-width: 1.3; }
.circle { stroke: #c62828; stroke-dasharray: 5 4; }
"""


def box_of(module: str) -> str:
    """The box of ``networks.layers`` is ``networks``, that of ``errors`` the foundations."""
    top = module.split(".")[0]
    return "foundations" if top in FOUNDATIONS else top


def imports(node: ast.AST, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """The modules of spatialgan that the code imports, and whether in a function; not what only types need."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            names = [child.module] if child.module != "spatialgan" else [f"spatialgan.{a.name}" for a in child.names]
        else:
            names = [alias.name for alias in child.names] if isinstance(child, ast.Import) else []
        yield from ((name.removeprefix("spatialgan."), inside) for name in names if name.startswith("spatialgan."))
        yield from imports(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def read(source: Path = SOURCE) -> tuple[Graph, Graph]:
    """What each box imports: at the top of its files, and inside functions."""
    files = {path: box_of(path.relative_to(source).with_suffix("").parts[0]) for path in sorted(source.rglob("*.py"))}
    files = {path: box for path, box in files.items() if box != "__init__"}
    boxes = set(files.values())
    early: Graph = {box: set() for box in boxes}
    late: Graph = {box: set() for box in boxes}
    for path, box in files.items():
        for module, inside in imports(ast.parse(path.read_text())):
            if box_of(module) in boxes - {box}:
                (late if inside else early)[box].add(box_of(module))
    return early, {box: late[box] - early[box] for box in boxes}


def reachable(graph: Graph, start: str) -> set[str]:
    """Every box that ``start`` imports, directly or not."""
    found: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        box = ahead.pop()
        if box not in found:
            found.add(box)
            ahead.extend(graph[box])
    return found


def acyclic(early: Graph, late: Graph) -> tuple[Graph, list[tuple[str, str]]]:
    """All imports that close no circle, and those inside functions that would; raises graphlib.CycleError where imports
    at the top of files close one."""
    TopologicalSorter(early).prepare()
    graph, circles = {box: set(targets) for box, targets in early.items()}, []
    for box, target in sorted((box, target) for box, targets in late.items() for target in targets):
        if box in reachable(graph, target):
            circles.append((box, target))
        else:
            graph[box].add(target)
    return graph, circles


def reduced(graph: Graph) -> Graph:
    """Without the arrows that a longer way implies."""
    return {
        box: {t for t in targets if not any(t in reachable(graph, other) for other in targets - {t})}
        for box, targets in graph.items()
    }


def rows(graph: Graph) -> list[list[Place]]:
    """The boxes, the lowest row first, each one row above the highest that it imports; and where an arrow passes a row,
    a gap for it, ``(box, target)``. Within a row, all lie where what they lead to lies on average, so that few arrows
    cross."""
    level: dict[str, int] = {}
    for box in TopologicalSorter(graph).static_order():
        level[box] = 1 + max((level[target] for target in graph[box]), default=-1)
    result: list[list[Place]] = [[] for _ in range(max(level.values()) + 1)]
    for box in sorted(level):
        result[level[box]].append(box)
        for target in sorted(graph[box]):
            for between in range(level[target] + 1, level[box]):
                result[between].append((box, target))
    x: dict[Place, float] = {}
    for row in result:
        below = {place: [x[t] for t in (graph[place] if isinstance(place, str) else place[1:])] for place in row}
        row.sort(key=lambda place: (sum(below[place]) / max(1, len(below[place])), str(place)))
        x |= across(row)
    return result


def across(row: list[Place]) -> dict[Place, float]:
    """The middles of a row's boxes and gaps in pixels, from the middle of the picture."""
    widths = [BOX_WIDTH if isinstance(place, str) else ARROW_WIDTH for place in row]
    total = sum(widths) + GAP_X * (len(row) - 1)
    starts = [sum(widths[:i]) + GAP_X * i - total / 2 for i in range(len(row))]
    return {place: start + width / 2 for place, start, width in zip(row, starts, widths, strict=True)}


def draw(source: Path = SOURCE) -> str:
    """The picture, as SVG."""
    graph, circles = acyclic(*read(source))
    graph = reduced(graph)
    levels = rows(graph)
    half = max(abs(x) + BOX_WIDTH / 2 for row in levels for x in across(row).values()) + MARGIN
    height = len(levels) * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    middles = [{place: half + x for place, x in across(row).items()} for row in levels]
    y = [height - MARGIN - BOX_HEIGHT / 2 - i * (BOX_HEIGHT + GAP_Y) for i in range(len(levels))]
    level = {place: i for i, row in enumerate(levels) for place in row if isinstance(place, str)}

    def arrow(box: str, target: str, kind: str = "") -> str:
        up = level[target] > level[box]
        first, last = (level[target], level[box]) if up else (level[box], level[target])
        between = [(middles[i][box, target], y[i]) for i in range(first - 1, last, -1) if not up]
        side = -BOX_HEIGHT / 2 if up else BOX_HEIGHT / 2
        shift = 12 if up else 0  # beside the arrow that leads down
        points = [(middles[level[box]][box] + shift, y[level[box]] + side), *between]
        points.append((middles[level[target]][target] + shift, y[level[target]] - side * 1.3))
        curve = "".join(
            f" C{x0:.0f},{(y0 + y1) / 2:.0f} {x1:.0f},{(y0 + y1) / 2:.0f} {x1:.0f},{y1:.0f}"
            for (x0, y0), (x1, y1) in pairwise(points)
        )
        return f'<path{kind} d="M{points[0][0]:.0f},{points[0][1]:.0f}{curve}" marker-end="url(#tip)"/>'

    parts = [arrow(box, target) for box in sorted(graph) for target in sorted(graph[box])]
    parts += [arrow(box, target, ' class="circle"') for box, target in circles]
    for box in sorted(level):
        x0, y0 = middles[level[box]][box], y[level[box]]
        parts.append(
            f'<rect x="{x0 - BOX_WIDTH / 2:.0f}" y="{y0 - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" '
            f'height="{BOX_HEIGHT}" rx="6"/><text x="{x0:.0f}" y="{y0 + 5:.0f}">{escape(box)}</text>'
        )
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#78909c"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * half:.0f} {height}" width="{2 * half:.0f}">\n'
        f"<style>{STYLE}</style>\n<defs>{tip}</defs>\n"
        '<rect width="100%" height="100%" style="fill: #fff; stroke: none"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw())
