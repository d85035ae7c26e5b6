"""Models put on the Hub: what is there afterwards, and what stays away."""

import io

import pytest
import yaml
from hub_server import OWNERS_TOKEN, READERS_TOKEN, StoredRepo
from PIL import Image

from spatialgan import SpatialGAN
from spatialgan.hub.model_page import model_page


@pytest.fixture
def source(tmp_path, model_files) -> str:
    (tmp_path / "run").mkdir()
    for name, content in model_files.items():
        (tmp_path / "run" / name).write_bytes(content)
    (tmp_path / "run/diary.json").write_text("{}")
    return str(tmp_path / "run")


def test_what_is_pushed_is_what_others_load(hub, owner, source, run, model_files, monkeypatch, tmp_path):
    code, out, _ = run("push", source, "hf://ann/my.cats")
    assert code == 0 and out.strip() == f"{hub.url}/ann/my.cats"
    repo = hub.repos["ann/my.cats"]
    parts = {name.replace("tiny", "my-cats"): content for name, content in model_files.items()}
    files = repo.files()
    assert set(files) == {*parts, ".gitattributes", "README.md", "samples.png"} and not repo.private
    assert {name: files[name] for name in parts} == parts
    assert Image.open(io.BytesIO(files["samples.png"])).size == (4 * 256 + 6, 4 * 256 + 6)
    monkeypatch.delenv("HF_TOKEN")
    model = SpatialGAN.from_pretrained("hf://ann/my.cats", device="cpu")
    ours = SpatialGAN.from_pretrained(source, device="cpu")
    assert (model.name, model.weights_hash) == ("my-cats", ours.weights_hash)
    assert model.sample(3).image.tobytes() == ours.sample(3).image.tobytes()
    assert run("pull", "hf://ann/my.cats", "--out", tmp_path / "back")[0] == 0


def test_the_page_is_made_of_the_models_card():
    model = SpatialGAN.from_pretrained("cats-64", device="cpu")
    front, words = model_page(model, "ann/cats").removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(front) == {
        "license": "other",
        "library_name": "spatialgan",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["spatialgan", "gan", "stylegan2", "image-editing", "unconditional-image-generation"],
    }
    assert "# cats\n\n![Pictures of the seeds 0 to 15](samples.png)" in words
    assert "colour pictures of 64x64 pixels" in words and "--model hf://ann/cats\n" in words
    for key in ("data", "terms", "weaknesses", "hardware"):
        assert model.card[key] in words
    assert model.weights_hash in words and model.card["data_fingerprint"] not in words


def test_the_pages_python_runs(hub, owner, source, run, monkeypatch, tmp_path):
    assert run("push", source, "hf://ann/tiny", "--license", "mit")[0] == 0
    page = hub.repos["ann/tiny"].files()["README.md"].decode()
    assert "\nlicense: mit\n" in page
    monkeypatch.chdir(tmp_path)
    exec(page.split("```python\n")[1].split("```")[0], {})
    assert Image.open("edited.png").size == (32, 32)


def test_a_card_that_is_odd_stays_on_its_lines(model_files):
    model = SpatialGAN.from_pretrained("cats-64", device="cpu")
    model.card = {"data": "a\n---\nlicense: mit\n", "license": ["x"], "handles": [1], "hours": 2.5}
    page = model_page(model, "ann/cats")
    assert page.count("\n---\n") == 1 and "- **Data**: a --- license: mit\n- **Hours**: 2.5\n" in page
    assert "license: other" in page and "andles" not in page.split("## About")[1]


def test_private_is_private(hub, owner, source, run):
    assert run("push", source, "hf://ann/secret", "--private")[0] == 0
    assert hub.repos["ann/secret"].private
    assert run("push", source, "hf://ann/secret", "--private")[0] == 0
    hub.repos["ann/secret"].private = False
    before = dict(hub.repos["ann/secret"].commits)
    code, _, err = run("push", source, "hf://ann/secret", "--private")
    assert code == 2 and "error: hf://ann/secret is there already, and public; make it private on" in err
    assert hub.repos["ann/secret"].commits == before


def test_pushed_again_the_files_are_replaced_and_a_former_discriminator_goes(hub, owner, source, run, tmp_path):
    assert run("push", source, "hf://ann/cats")[0] == 0
    model = SpatialGAN.from_pretrained(source, device="cpu")
    model.discriminator = None
    plain = model.save(tmp_path / "plain")
    files = hub.repos["ann/cats"].files()
    hub.repos["ann/cats"].commit({**files, "README.md": b"My words", "notes.txt": b"n"})
    assert run("push", plain, "hf://ann/cats", "--keep-card")[0] == 0
    now = hub.repos["ann/cats"].files()
    assert now["README.md"] == b"My words" and now["cats.json"] == plain.with_suffix(".json").read_bytes()
    assert set(files) | {"notes.txt"} == set(now) | {"cats.discriminator.safetensors"}
    assert "cats.discriminator.safetensors" not in now
    assert run("push", plain, "hf://ann/cats")[0] == 0
    assert hub.repos["ann/cats"].files()["README.md"].startswith(b"---\nlibrary_name: spatialgan\n")


def test_a_branch_is_pushed_to_where_it_is(hub, owner, source, run):
    hub.repos["ann/cats"] = StoredRepo()
    hub.repos["ann/cats"].commit({"a.txt": b""})
    hub.repos["ann/cats"].commit({"a.txt": b""}, "try")
    assert run("push", source, "hf://ann/cats@try")[0] == 0
    assert "cats.json" in hub.repos["ann/cats"].files("try") and "cats.json" not in hub.repos["ann/cats"].files()
    code, _, err = run("push", source, "hf://ann/cats@none")
    assert code == 2 and "error: hf://ann/cats has no revision none" in err


def test_a_branch_that_is_not_there_leaves_no_repository_behind(hub, owner, source, run):
    code, _, err = run("push", source, "hf://ann/tiny@nowhere")
    assert code == 2 and "Traceback" not in err and "ann/tiny" not in hub.repos


def test_another_model_there_is_not_put_beside(hub, owner, source, run, stored):
    stored.branches["main"] = stored.commit({"dogs.safetensors": b"x", "dogs.json": b"{}"})
    code, _, err = run("push", source, "hf://ann/tiny")
    assert code == 2 and "holds another model, dogs.safetensors; delete its files there" in err
    assert set(stored.files()) == {"dogs.safetensors", "dogs.json"}


def test_no_model_asks_the_hub_nothing(hub, owner, run, tmp_path, source):
    (tmp_path / "run/tiny.safetensors").write_bytes(b"damaged")
    for model in (source, "none"):
        code, _, err = run("push", model, "hf://ann/cats")
        assert code == 2 and err.startswith("error: ")
    assert run("push", source, "ann/cats")[0] == 2
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "status", "sentence"),
    [
        (None, None, "does not accept your token for hf://ann/cats; set HF_TOKEN, or run: hf auth login"),
        (READERS_TOKEN, None, "does not let you do this with hf://ann/cats"),
        ("hf_OfNobody", None, "does not accept your token"),
        (OWNERS_TOKEN, 500, "fails at present (500)"),
        (OWNERS_TOKEN, 400, "refuses hf://ann/cats (400)"),
    ],
)
def test_a_refusal_is_a_sentence_without_the_token(token, status, sentence, hub, source, run, monkeypatch):
    hub.status = status
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    code, out, err = run("push", source, "hf://ann/cats")
    assert code == 2 and f"error: {hub.url} {sentence}" in err and "Traceback" not in err
    assert "hf_" not in out + err and (token is None or token in hub.tokens)


def test_offline_nothing_is_pushed(hub, owner, source, run, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, err = run("push", source, "hf://ann/cats")
    assert code == 2 and err == "error: HF_HUB_OFFLINE is set, and so nothing can be pushed to hf://ann/cats\n"
    assert hub.requests == []


def test_a_license_that_the_hub_does_not_know(hub, owner, source, run):
    code, _, err = run("push", source, "hf://ann/cats", "--license", "nonsense")
    assert code == 2 and "--license must be one of those that it knows" in err
    assert set(hub.repos["ann/cats"].files()) == {".gitattributes"}
