"""Table I from result files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import ColourSegmenter, MeanColour, tiny_model

from spatialgan.config import LossConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove import Sample, summarize_both, summarize_samples
from spatialgan.evaluation.ladder import RUNGS, read_results, table_1
from spatialgan.evaluation.result_file import result_record, write_result

CONFERENCE = {"encoding": "norm", "processing": "release", "encoded_max_resolution": 32}
SIMPLIFIED = {"encoding": "norm", "processing": "fine"}
SAMPLING = {"encoding": "norm", "layout": "multi"}
MULTI = {"encoding": "multi", "layout": "multi"}


def record(
    metric: str,
    weights: str,
    *,
    align: str = "single",
    name: str = "m",
    value: float = 0.5,
    samples: int = 3,
    kimg: float | None = 60.0,
    measured_spacing: float | None = None,
    antithetic: float | None = None,
    **settings: str | float,
) -> dict[str, Any]:
    model = tiny_model(with_discriminator=False, **settings)
    model.config = RunConfig(model=model.config.model, loss=LossConfig(align=align))
    model.name, model.weights_hash, model.card = name, weights, {"kimg": kimg}
    if metric == "fd":
        return result_record("fd", {"distance": value}, model, num_samples=samples, seed=0, extractor=MeanColour())
    found = Sample(
        ratio=value,
        control=0.01,
        chance=0.2,
        locality=0.3,
        identity=0.9,
        has_object=True,
        has_match=True,
        same_label=True,
    )
    values = {**summarize_samples([[found, found, Sample()]]).to_json(), "shortest": 0.1, "longest": 0.3}
    if antithetic is not None:  # nor have they this
        ours = replace(found, ratio=antithetic, chance=0.01)
        values |= summarize_both([[(found, ours), (found, ours), (Sample(), Sample())]]).to_json()
    if measured_spacing is not None:  # earlier result files have none
        values["object_spacing"] = measured_spacing
    return result_record("comove", values, model, num_samples=samples, seed=0, segmenter=ColourSegmenter())


def rows(text: str) -> list[list[str]]:
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")][2:]


def test_each_result_lands_on_the_rung_of_its_configuration() -> None:
    results = [
        record("comove", "d", align="multi", value=0.81, name="full", **MULTI),
        record("comove", "a", value=0.11, **CONFERENCE),
        record("comove", "s", value=0.15, **SIMPLIFIED),
        record("comove", "b", value=0.21, **SAMPLING),
        record("comove", "c", value=0.31, **MULTI),
        record("comove", "e", align="multi", value=0.91, **MULTI, coordinates_max_resolution=16),
        record("comove", "f", align="multi", value=0.95, **MULTI, coordinates_max_resolution=16, object_spacing=1.0),
    ]
    table = rows(table_1(results))
    assert [r[0] for r in table] == [r.name for r in RUNGS]
    assert [r[1] for r in table] == ["N/A", "0.32", "", "0.41", "0.62", "0.69", "", ""]
    assert [r[4] for r in table] == [
        "N/A",
        "0.11 (0.11 to 0.11)",
        "0.15 (0.15 to 0.15)",
        "0.21 (0.21 to 0.21)",
        "0.31 (0.31 to 0.31)",
        "0.81 (0.81 to 0.81)",
        "0.91 (0.91 to 0.91)",
        "0.95 (0.95 to 0.95)",
    ]
    assert table[5][5:] == ["0.20", "0.01", "0.30", "0.90", "33.3%", "0.0%", "", "60", "`full`"]


def test_antithetic_ratios_stand_beside_the_papers_and_earlier_results_have_none() -> None:
    table = {
        r[0]: r[2:6]
        for r in rows(
            table_1(
                [
                    record("comove", "c", value=0.31, **MULTI),
                    record("comove", "b", value=0.21, antithetic=0.17, **SAMPLING),
                ]
            )
        )
    }
    assert table["+ SEL_multi"] == ["not measured", "", "0.31 (0.31 to 0.31)", "0.20"]
    assert table["+ multi-object sampling"] == ["0.17 (0.17 to 0.17)", "0.01", "0.21 (0.21 to 0.21)", "0.20"]
    assert table["+ L_multi"] == ["not measured", "", "not measured", ""]
    assert table["StyleGAN2"] == ["N/A", "", "N/A", ""]


def test_results_of_several_trainings_at_once_are_left_alone(tmp_path: Path) -> None:
    several = record("comove", "c", antithetic=0.1, **MULTI) | {"metric": "comove-models", "model": None}
    write_result(tmp_path / "several.json", several)
    write_result(tmp_path / "one.json", record("comove", "c", antithetic=0.1, **MULTI))
    assert [r["metric"] for r in read_results(tmp_path)] == ["comove"]


def test_missing_rungs_say_so() -> None:
    table = rows(table_1([record("comove", "c", **MULTI)]))
    assert [r[4] for r in table] == ["N/A", *["not measured"] * 3, "0.50 (0.50 to 0.50)", *["not measured"] * 3]


def test_a_result_counts_where_it_is_of_layouts_as_in_training() -> None:
    spaced = {"align": "multi", **MULTI, "coordinates_max_resolution": 16, "object_spacing": 1.0}
    results = [
        record("comove", "f", value=0.95, measured_spacing=1.0, **spaced),
        record("comove", "f", value=0.45, measured_spacing=0.0, **spaced),
        record("comove", "c", value=0.31, measured_spacing=0.0, **MULTI),
        record("comove", "c", value=0.61, measured_spacing=1.0, **MULTI),
    ]
    table = {r[0]: r[4] for r in rows(table_1(results))}
    assert table["+ spaced objects (ours)"] == "0.95 (0.95 to 0.95)"
    assert table["+ SEL_multi"] == "0.31 (0.31 to 0.31)"


def test_other_configurations_are_on_no_rung() -> None:
    table = rows(table_1([record("comove", "x", align="none", **MULTI), record("comove", "y", encoding="concat")]))
    assert [r[4] for r in table] == ["N/A"] + ["not measured"] * 7


def test_the_conference_rung_is_of_its_own_encoder_and_sampling() -> None:
    results = [
        record("comove", "x", encoding="norm"),
        record("comove", "y", **SIMPLIFIED, sampling="independent"),
        record("comove", "z", **CONFERENCE, sampling="independent"),
        record("comove", "w", **{**CONFERENCE, "encoded_max_resolution": 16}),
    ]  # not in all layers
    assert [r[4] for r in rows(table_1(results))] == ["N/A"] + ["not measured"] * 7


def test_the_conference_rung_may_have_the_releases_layouts() -> None:
    results = [
        record("comove", "a", value=0.2, name="journal", **CONFERENCE),
        record("comove", "b", value=0.3, name="release", **CONFERENCE, sampling="release"),
    ]
    found = [r[-1] for r in rows(table_1(results)) if r[0] == "conference (EqGAN-SA)"]
    assert found == ["`journal`", "`release`"]


def test_a_run_without_the_stem_is_not_called_the_conference_model() -> None:
    """As ``docs/results/ladder`` has one, from before there was a stem."""
    table = {r[0]: r for r in rows(table_1([record("comove", "s", value=0.15, **SIMPLIFIED)]))}
    assert table["conference (EqGAN-SA)"][1:3] == ["0.32", "not measured"]
    assert table["conference, simplified (ours)"][1:5:3] == ["", "0.15 (0.15 to 0.15)"]


def test_a_frechet_distance_joins_by_the_weights() -> None:
    old = record("fd", "c", value=150.0, samples=5000)
    del old["model"]["config"]  # as result files were before
    results = [
        record("fd", "c", value=99.0, samples=10),
        old,
        record("fd", "z", value=70.0, kimg=None, **MULTI),
        record("comove", "c", **MULTI),
        record("fd", "s", align="none", value=80.0, name="plain", encoding="none"),
    ]
    table = rows(table_1(results))
    plain, unmeasured, measured = table[0], table[4], table[5]
    assert plain[-3:] == ["80.0", "60", "`plain`"] and plain[4] == "N/A"
    assert measured[-3:] == ["150.0", "60", "`m`"] and measured[4].startswith("0.50")
    assert unmeasured[-3:] == ["70.0", "", "`m`"] and unmeasured[4] == "not measured"
    assert "mean colour, 5000 pictures" in table_1(results)


def test_the_newest_of_the_same_weights_counts_and_others_stand_side_by_side() -> None:
    early, late = record("comove", "c", value=0.1, **MULTI), record("comove", "c", value=0.2, **MULTI)
    longer = record("comove", "e", value=0.3, kimg=120.0, **MULTI)
    table = rows(table_1([longer, early, late]))
    assert [r[4][:4] for r in table if r[0] == "+ SEL_multi"] == ["0.20", "0.30"]


def test_the_notes_say_what_the_numbers_depend_on() -> None:
    text = table_1([record("comove", "c", **MULTI)])
    assert "3 samples, moves of 0.1 to 0.3 image widths, objects by colours" in text and "LSUN Bedroom" in text


def test_nothing_measured_is_told_as_none() -> None:
    empty = record("comove", "c", **MULTI)
    empty["values"] |= summarize_samples([[Sample()]]).to_json()
    (row,) = [r for r in rows(table_1([empty])) if r[0] == "+ SEL_multi"]
    assert row[4] == "none (none to none)" and row[9] == "100.0%"


def test_result_files_are_found_at_any_depth_among_others(tmp_path: Path) -> None:
    write_result(tmp_path / "a" / "b" / "c.json", record("comove", "c", **MULTI))
    write_result(tmp_path / "fd.json", record("fd", "c", **MULTI))
    write_result(tmp_path / "response.json", {**record("fd", "c", **MULTI), "metric": "response"})
    (tmp_path / "config.json").write_text(json.dumps({"model": {}}))
    (tmp_path / "list.json").write_text("[1]")
    assert [r["metric"] for r in read_results(tmp_path)] == ["comove", "fd"]


def test_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_result(tmp_path / "a" / "c.json", record("comove", "c", **MULTI))
    assert read_results(tmp_path, leave_out=[tmp_path / "a"]) == []
    former = record("comove", "c", **MULTI)
    former["model"]["config"]["model"]["coordinates_gated"] = True  # a model that this version cannot read
    write_result(tmp_path / "a" / "c.json", former)
    assert read_results(tmp_path) == []


def test_folders_without_results(tmp_path: Path) -> None:
    assert read_results(tmp_path) == []
    with pytest.raises(SpatialGANError, match="is no folder"):
        read_results(tmp_path / "none")
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(SpatialGANError, match=r"c\.json is not JSON"):
        read_results(tmp_path)
    write_result(tmp_path / "c.json", {"result_version": 1, "metric": "comove", "date": "2026"})
    with pytest.raises(SpatialGANError, match=r"c\.json is not a whole result file"):
        read_results(tmp_path)


@pytest.mark.parametrize("name", ["ratio", "chance", "antithetic.ratio", "antithetic.chance", "control"])
@pytest.mark.parametrize("key", ["mean", "mean_interval"])
def test_a_summary_that_lacks_a_number_is_named(tmp_path: Path, name: str, key: str) -> None:
    result = record("comove", "c", **MULTI)
    summary = {"mean": 0.5, "mean_interval": None}
    result["values"]["antithetic"] = {"ratio": dict(summary), "chance": dict(summary)}
    write_result(tmp_path / "c.json", result)
    assert len(read_results(tmp_path)) == 1
    at = result["values"]
    for part in name.split("."):
        at = at[part]
    del at[key]
    write_result(tmp_path / "c.json", result)
    with pytest.raises(SpatialGANError, match=rf"c\.json is not a whole result file: values\.{name} is missing"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "model.name, model.weights_sha256 is missing or of the wrong type"),
        ({"model": {"name": "m", "weights_sha256": "c", "config": None}}, "model.config must be a JSON object"),
        (
            {"model": {"name": "m", "weights_sha256": "c", "config": {"model": {"encoding": 3}}}},
            "config.model.encoding",
        ),
        ({"model": {"name": "m", "weights_sha256": "c", "config": {}, "kimg": "many"}}, "model.kimg is missing or"),
        ({"values": {}}, "values.no_object"),
        ({"segmenter": None}, "segmenter.name is missing"),
        ({"date": 5}, "date is"),
        ({"values": {"ratio": {"mean": "x"}}}, "values.ratio"),
        ({"values": {"antithetic": {"ratio": {"mean": 1}}}}, "values.antithetic.chance"),
        ({"metric": "fd"}, "features.network, values.distance"),
    ],
)
def test_damaged_results_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    (tmp_path / "c.json").write_text(json.dumps(record("comove", "c", **MULTI) | changes))
    with pytest.raises(SpatialGANError, match=rf"c\.json is not a whole result file: .*{message}"):
        read_results(tmp_path)
