"""A seed is the same picture in an exported page: its JavaScript draws the numbers that PyTorch draws."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_page_modules import NODE

from spatialgan.config import ModelConfig
from spatialgan.layout import layout_to_json
from spatialgan.seeds import layout_of, object_style_of, style_of
from spatialgan.studio.exporting import ANSWERS, FIELDS

CONFIGS = {
    "paper": ModelConfig(),
    "release": ModelConfig(sampling="release", z_dim=7),
    "independent": ModelConfig(sampling="independent", center_std=0.01, z_dim=37),
    "multi": ModelConfig(layout="multi", encoding="multi", num_objects=5, object_spacing=1.0, z_dim=32),
    "crowd": ModelConfig(layout="multi", center_std=2.0, z_dim=16),
    "plain": ModelConfig(encoding="none"),
}
SEEDS = (0, 8, 1234567, 2**31 - 1)
SCRIPT = """
import { layoutOf, objectStyleOf, styleOf } from 'SAMPLING';
import { readFileSync } from 'node:fs';
const { config, seeds } = JSON.parse(readFileSync(0));
console.log(JSON.stringify(seeds.map(seed => (
  { style: [...styleOf(config, seed)], object: [...objectStyleOf(config, seed)], layout: layoutOf(config, seed) }))));
"""


@pytest.mark.parametrize("name", CONFIGS)
def test_seeds_stand_for_the_same_numbers(name: str, tmp_path: Path):
    assert NODE is not None
    config, script = CONFIGS[name], tmp_path / "seeds.mjs"
    script.write_text(SCRIPT.replace("SAMPLING", (ANSWERS / "sampling.js").as_uri()))
    asked = {"config": {field: getattr(config, field) for field in FIELDS}, "seeds": SEEDS}
    done = subprocess.run([NODE, script], input=json.dumps(asked), capture_output=True, text=True, check=True)
    for seed, found in zip(SEEDS, json.loads(done.stdout), strict=True):
        near(found["style"], style_of(config, seed).flatten().tolist())
        near(found["object"], object_style_of(config, seed).tolist())
        layout = layout_to_json(layout_of(config, seed))
        if layout is None:
            assert found["layout"] is None
            continue
        assert found["layout"]["hierarchical"] == layout["hierarchical"]
        for level, wanted in zip(found["layout"]["levels"], layout["levels"], strict=True):
            for field, values in wanted.items():
                near(level[field], values)


def near(found: list, wanted: list) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-6)
