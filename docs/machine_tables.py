"""Tables of what computers took, from benchmarks/results."""

from result_files import load


def cost_table() -> str:
    """Milliseconds of a training step, from benchmarks/results."""
    r = load("benchmarks/results/step_time.json")
    lines = [
        "| | G forward ms | G backward ms | D step ms | whole step ms | images/s | over StyleGAN2 | over + SEL |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in r["table"].items():
        over = [f"{row[k]:+.1f} %" if k in row else "" for k in ("over StyleGAN2 %", "over + SEL %")]
        cells = [row[k] for k in ("G forward ms", "G backward ms", "D step ms", "whole step ms", "images/s")]
        lines.append(f"| {name} | " + " | ".join(str(c) for c in cells) + f" | {over[0]} | {over[1]} |")
    return "\n".join(lines)


LATENCY_PARTS = ("queue", "generator", "encode", "network", "decode and paint", "screen")


def latency_table() -> str:
    """From the pointer's move to new pixels, in milliseconds, and where they go; from benchmarks/results."""
    r = load("benchmarks/results/studio_latency.json")
    lines = [
        f"| | median ms | p95 ms | pictures a second | {' | '.join(LATENCY_PARTS)} |",
        "|---" * (4 + len(LATENCY_PARTS)) + "|",
    ]
    for name, m in r["models"].items():
        parts = [f"{m['parts_median_ms'][part]:.1f}" for part in LATENCY_PARTS]
        cells = [
            f"`{name}`",
            f"{m['latency_median_ms']:.0f}",
            f"{m['latency_p95_ms']:.0f}",
            f"{m['frames_per_second']:.0f}",
            *parts,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = r["machine"]
    cores = f"{machine['cpus']} cores (load {machine['load']:.1f} before)"
    return "\n".join([*lines, "", f"{cores}, Chromium {machine['chromium']}; `{machine['command']}`."])


def large_table() -> str:
    """Of models as wide as the official StyleGAN2's: what follows the pointer, and the picture once it rests."""
    lines = [
        "| model | width while it moves, px | pictures a second | median ms | full picture ms | peak memory, MB |",
        "|---" * 6 + "|",
    ]
    for m in load("benchmarks/results/studio_large.json")["models"].values():
        cells = [
            f"{m['resolution']} px",
            f"{m['moving_picture_px']}",
            f"{m['frames_per_second']:.0f}",
            f"{m['latency_median_ms']:.0f}",
            f"{m['full_picture_median_ms']:.0f}",
            f"{m['resident_at_most_mb']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def web_table() -> str:
    """An exported page beside the studio with its server: latency and rate; from benchmarks/results."""
    r = load("benchmarks/results/studio_web.json")
    lines = ["| model | drawn by | median ms | p95 ms | drawing, ms | pictures a second |", "|---" * 6 + "|"]
    for name in r["web"]:
        for who, m in (("server", r["models"][name]), ("page", r["web"][name])):
            cells = [m["latency_median_ms"], m["latency_p95_ms"], m["parts_median_ms"]["generator"]]
            milliseconds = " | ".join(f"{c:.0f}" for c in cells)
            lines.append(f"| `{name}` | {who} | {milliseconds} | {m['frames_per_second']:.1f} |")
    machine = r["machine"]
    note = f"; {machine['note']}" if "note" in machine else ""
    text = f"{machine['cpus']} cores (load {machine['load']:.1f}{note}), Chromium {machine['chromium']}"
    return "\n".join([*lines, "", f"{text}; `{machine['command']}`."])


def reading_table() -> str:
    """Milliseconds of a training step by how its pictures are read."""
    lines = ["| pictures | step ms | of it waiting for pictures | images/s |", "|---" * 4 + "|"]
    for name, row in load("benchmarks/results/speed.json")["reading"].items():
        lines.append(f"| {name} | {row['step ms']} | {row['of it waiting for pictures ms']} | {row['images/s']} |")
    return "\n".join(lines)


def threads_table() -> str:
    """Milliseconds of a training step and of a picture, by threads."""
    r = load("benchmarks/results/speed.json")
    lines = ["| busy neighbours of ours | threads | step ms | images/s | a picture, ms |", "|---" * 5 + "|"]
    for row in r["threads"]:
        cells = [row[k] for k in ("busy neighbours", "threads", "step ms", "images/s", "picture ms")]
        lines.append(f"| {' | '.join(str(c) for c in cells)} |")
    text = f"{r['cores']} cores (load {r['load before']:.1f} before)"
    return "\n".join([*lines, "", f"{text}; `{r['command']}`."])
