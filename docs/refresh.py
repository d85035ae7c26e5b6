"""Makes anew what the documents take from elsewhere: tables, line numbers in docs/method.md, pictures.

    python docs/refresh.py            # tables, from docs/results and benchmarks/results; line numbers; the structure
    python docs/refresh.py --images   # pictures of the bundled models and of the studio as well: minutes, and Chromium
    python docs/refresh.py --figures figures   # the paper's, from what `spatialgan figures --out figures` has made

Where a page has the marks of a table, the table between them is made from result files. Tests see that tables, line
numbers and the picture of the structure are up to date.
"""

import argparse
import re
import subprocess
import sys
import unicodedata
from functools import partial
from pathlib import Path

import figure_tables
import machine_tables
import model_tables
from page_pictures import FIGURES, make_images, make_screenshots, take_figures
from result_files import FLOORS, MODEL, ROOT, load

MEASURED = {  # heading of docs/results.md: the files that its tables are made of
    "Alignment from scratch": ("benchmarks/results/steering.json", "benchmarks/results/steering-real.json"),
    "Cats: response": ("docs/results/response.json",),
    "Retrofitting": ("benchmarks/results/retrofit.json",),
    "Floors: Co-move ratio": (
        "docs/results/comove.json",
        "docs/results/comove-independent.json",
        "docs/results/comove-self-test-128.json",
        "docs/results/comove-self-test-64.json",
        "docs/results/comove-self-test-floors-64.json",
        "docs/results/comove-self-test-floors-32.json",
    ),
    "Where the discriminator looks": tuple(
        f"docs/results/attention/{model}-{form}.json" for model in (MODEL, FLOORS) for form in model_tables.FORMS
    ),
    "Drags": ("docs/results/drag.json", "docs/results/drag-floors.json"),
    "Fréchet distance": ("docs/results/fd.json", "docs/results/fd-floors.json"),
    "What alignment costs": ("benchmarks/results/step_time.json", "benchmarks/results/step_time-narrow.json"),
    "Photographs": ("docs/results/invert/cats-64.json",),
    "Studio latency": ("benchmarks/results/studio_latency.json", "benchmarks/results/studio_large.json"),
}


def anchor(heading: str) -> str:
    """Of a heading, as mkdocs makes them."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9-]+", "-", plain)


def commands_table() -> str:
    """The command of every result file, as the file itself has it, but writing that file; and what it needs."""
    lines = ["| tables | result file | command | needs |", "|---" * 4 + "|"]
    for heading, files in MEASURED.items():
        for path in files:
            result = load(path)
            command = writing(result.get("command") or result["machine"]["command"], path)
            needs = [f"`{word}`" for word in command.split() if word.endswith((".zip", ".safetensors"))]
            link = f"../{path}" if path.startswith("benchmarks") else path.removeprefix("docs/")
            row = (f"[{heading}](results.md#{anchor(heading)})", f"[{Path(path).name}]({link})", f"`{command}`")
            lines.append(f"| {' | '.join(row)} | {', '.join(needs)} |")
    return "\n".join(lines)


def writing(command: str, path: str) -> str:
    """A measurement's command, from the repository's root, with ``path`` as the file that it writes."""
    if "benchmarks/invert.py" in command:  # chooses the file itself, by the model's name
        return command
    return f"{re.sub(r' --json [^ ]+', '', command)} --json {path}"


TABLES = {
    "commands": commands_table,
    "results": model_tables.results_table,
    "frechet": model_tables.frechet_table,
    "self-test": model_tables.self_test_table,
    "latency": machine_tables.latency_table,
    "large": machine_tables.large_table,
    "invert": model_tables.invert_table,
    "response": model_tables.response_table,
    "cost": machine_tables.cost_table,
    "drag": model_tables.drag_table,
    "drag-floors": lambda: model_tables.drag_table("drag-floors"),
    "comove": model_tables.comove_table,
    "focus": model_tables.focus_table,
    "steering": model_tables.steering_table,
    "retrofit": model_tables.retrofit_table,
    "retrofit-floors": model_tables.retrofit_floors_table,
    "reading": machine_tables.reading_table,
    "threads": machine_tables.threads_table,
    "web": machine_tables.web_table,
    "card-floors-64": lambda: model_tables.card_table(FLOORS),
    "card-cats-64": lambda: model_tables.card_table(MODEL),
    "growth-floors64": lambda: model_tables.growth_table("floors64", floors64h=250, floors64c=350),
    "growth-cats64": lambda: model_tables.growth_table("cats64"),
    "growth-plain-floors64": lambda: model_tables.growth_table("plain-floors64"),
    **{f"table-{n}": partial(model_tables.paper_table, n) for n in range(1, 6)},
    **{f"figure-{n}": partial(figure_tables.numbers, n) for n in FIGURES},
}


MARKS = re.compile(r"<!-- (?P<name>[\w-]+) -->\n(?P<table>.*?)\n<!-- /(?P=name) -->", re.DOTALL)


def with_tables(text: str) -> str:
    """A page's text with every table between its marks made anew; raises KeyError where there is no such table."""
    return MARKS.sub(lambda m: f"<!-- {m['name']} -->\n{TABLES[m['name']]()}\n<!-- /{m['name']} -->", text)


def pages() -> list[Path]:
    """All that may have tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


REFERENCE = re.compile(r"`(?P<symbol>[\w.]+)`, \[(?P<name>[\w/]+\.py):\d+\]\(\.\./(?P<path>[\w/]+\.py)#L\d+\)")


def line_of(symbol: str, path: Path) -> int:
    """Where a function, class or ``Class.method`` is defined; raises ValueError where it is not."""
    lines = path.read_text().splitlines()
    found = 0
    for part in symbol.split("."):
        found = next(
            (i for i, text in enumerate(lines, 1) if i > found and re.match(rf"\s*(def|class) {part}\b", text)), 0
        )
        if not found:
            raise ValueError(f"{path} defines no {symbol}")
    return found


def with_lines(text: str) -> str:
    """docs/method.md's text with the line of every reference to code made anew."""

    def renew(match: re.Match[str]) -> str:
        line = line_of(match["symbol"], ROOT / match["path"])
        return f"`{match['symbol']}`, [{match['name']}:{line}](../{match['path']}#L{line})"

    return REFERENCE.sub(renew, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--figures", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    if args.figures:
        take_figures(args.figures)
    if args.images:
        make_images()
        make_screenshots()
    for path in pages():
        path.write_text(with_lines(with_tables(path.read_text())))
    subprocess.run([sys.executable, ROOT / "docs/structure.py"], check=True)


if __name__ == "__main__":
    main()
