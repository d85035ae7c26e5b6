"""Names of repositories, and what is said where the library is missing."""

import sys

import pytest

from spatialgan import SpatialGAN, SpatialGANError
from spatialgan.hub.repository import Repository, repository


@pytest.mark.parametrize(
    ("text", "repo"),
    [
        ("hf://ann/cats-64", Repository("ann/cats-64")),
        ("hf://Ann_B/c.v2", Repository("Ann_B/c.v2")),
        ("hf://ann/cats@v1.0", Repository("ann/cats", "v1.0")),
        ("hf://ann/cats@refs/pr/1", Repository("ann/cats", "refs/pr/1")),
    ],
)
def test_a_repository_is_read_as_it_is_written(text, repo):
    assert repository(text) == repo and str(repo) == text


@pytest.mark.parametrize(
    "text",
    ["hf://", "hf://ann", "hf://ann/", "hf://ann/cats/64", "hf://ann/cats@", "hf://../cats", "hf://ann/..", "hf://a--b/c",
     "hf://ann/cats.git", "hf://ann/ca ts", "hf://ann/cats?x", "hf://ann/-cats", "hf://ann/cäts", "https://ann/cats"],
)  # fmt: skip
def test_what_names_none_is_told_how_to_write_it(text):
    with pytest.raises(SpatialGANError, match="write hf://owner/name"):
        repository(text)


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SpatialGANError, match=r"run: pip install 'spatialgan\[hub\]'$"):
        SpatialGAN.from_pretrained("hf://ann/cats")
