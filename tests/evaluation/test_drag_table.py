"""Table II from results of drags."""

from typing import Any

from spatialgan.evaluation.drag_table import HEAD, drag_table


def result(arrived: float = 0.3, told: float = 0.8, *, methods=("latent, as published", "latent", "hybrid")) -> dict:
    def row(model: str, method: str, distance: float) -> dict[str, Any]:
        median = {"median": 0.021}
        return {
            "model": model,
            "method": method,
            "distance": distance,
            "cpu_seconds": {"median": 1.5},
            "steps": {"median": 12.0},
            "tracked": median,
            "outside": median,
            "matched_without_noise": {"median": 0.05, "share": told},
            "success_without_noise": {"mean": arrived},
        }

    rows = [row("cats", m, d) for d in (30 / 256, 60 / 256) for m in methods]
    return {"model": {"name": "cats"}, "values": {"rows": [row("plain", "latent", 30 / 256), *rows]}}


def cells(results: list[dict]) -> list[dict[str, str]]:
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in drag_table(results)]
    assert lines[0] == list(HEAD)
    return [dict(zip(HEAD, line, strict=True)) for line in lines[2:]]


def test_the_tuned_baseline_comes_first_and_the_plain_model_last() -> None:
    names = [(row[""], row["moved by"]) for row in cells([result()])]
    own = ["latent", "latent, as published", "hybrid"]
    assert names[:-1] == [(n, d) for d in ("30/256", "60/256") for n in own]
    assert names[-1] == ("plain StyleGAN2: latent", "30/256")
    today = ("hybrid", "DragGAN as published, adapted", "DragGAN, tuned")
    assert [row[""] for row in cells([result(methods=today)])[:3]] == [*reversed(today[1:]), "hybrid"]


def test_an_unsure_matcher_is_no_failure() -> None:
    row = cells([result(arrived=0.3, told=0.8)])[0]
    assert (row["arrived"], row["elsewhere"], row["matcher unsure"]) == ("30 %", "50 %", "20 %")
    assert row["left, where matched"] == "5.0 %" and row["change outside"] == "2.1 %"


def test_the_papers_numbers_are_those_of_the_distance() -> None:
    rows = cells([result()])
    assert (rows[2]["paper, seconds"], rows[2]["paper, steps"]) == ("6", "10-20")
    assert rows[5]["paper, seconds"] == "11" and rows[0]["paper, seconds"] == "15"


def test_several_trainings_have_a_spread() -> None:
    row = cells([result(arrived=0.2), result(arrived=0.4)])[0]
    assert row["arrived"] == "30 ± 14 %" and row["steps"] == "12 ± 0"


def test_what_was_never_matched_is_left_empty() -> None:
    silent = result(arrived=0.0, told=0.0)
    for row in silent["values"]["rows"]:
        row["matched_without_noise"]["median"] = None
    row = cells([silent])[0]
    assert row["left, where matched"] == "" and row["matcher unsure"] == "100 %"
