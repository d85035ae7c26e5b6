"""MP4 files."""

import subprocess
import sys

import pytest
from PIL import Image

from spatialgan.editing import video
from spatialgan.errors import SpatialGANError


def frames(size: int = 33) -> list[Image.Image]:
    return [Image.new("RGB", (size, size), (20 * i, 0, 0)) for i in range(10)]


def test_an_odd_size_and_all_frames_arrive(tmp_path):
    path = video.save_mp4(frames(), tmp_path / "a.mp4", fps=10, scale=1)
    seen = subprocess.run(
        [video.find_encoder(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    assert len(seen.stdout) == 10 * 34 * 34 * 3 and b"h264" in seen.stderr
    assert seen.stdout[-34 * 34 * 3] == pytest.approx(180, abs=12)


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("demo-12:30.mp4", "-y.mp4", "http:a.mp4"):
        assert video.save_mp4(frames(), name, scale=1).stat().st_size > 500
    assert len(list(tmp_path.iterdir())) == 3


def test_mistakes(tmp_path, monkeypatch):
    with pytest.raises(SpatialGANError, match="at least one frame"):
        video.save_mp4([], tmp_path / "a.mp4")
    with pytest.raises(SpatialGANError, match="fps is 0"):
        video.save_mp4(frames(), tmp_path / "a.mp4", fps=0)
    monkeypatch.setattr(video, "find_encoder", lambda: None)
    with pytest.raises(SpatialGANError, match="needs ffmpeg"):
        video.save_mp4(frames(), tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_without_an_encoder_there_is_none(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    assert video.find_encoder() is None


def test_a_frame_that_cannot_be_read_leaves_no_video(tmp_path):
    for i, frame in enumerate(frames()[:2]):
        frame.save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:60])
    with pytest.raises((OSError, SpatialGANError), match="truncated"):
        video.save_mp4([Image.open(tmp_path / f"{i}.png") for i in range(2)], tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the encoder is a shell script")
@pytest.mark.parametrize("code", [0, 3])
def test_an_encoder_that_ends_early_is_no_success(tmp_path, monkeypatch, code):
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\necho no memory >&2\nexit {code}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(video, "find_encoder", lambda: str(fake))
    large = [Image.new("RGB", (512, 512)) for _ in range(4)]
    with pytest.raises(SpatialGANError, match=r"a\.mp4 cannot be encoded: no memory"):
        video.save_mp4(large, tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()
