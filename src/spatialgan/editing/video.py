"""MP4, where the computer has an encoder: ffmpeg, found in the path or brought by the extra ``video``."""

import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from PIL import Image

from spatialgan.editing.arguments import positive
from spatialgan.editing.pictures import enlarge
from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically


def find_encoder() -> str | None:
    """The path of ffmpeg; None where there is none."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None


def require_encoder() -> str:
    """:func:`find_encoder`; raises SpatialGANError where there is none."""
    encoder = find_encoder()
    if encoder is None:
        raise SpatialGANError("an MP4 needs ffmpeg; install it, or pip install 'spatialgan[video]', or write a GIF")
    return encoder


def save_mp4(frames: Sequence[Image.Image], path: str | Path, fps: float = 15, *, scale: float | None = None) -> Path:
    """Write an H.264 video that every browser plays.

    Args:
        frames: at least one, all of one size.
        path: of the video.
        fps: frames per second.
        scale: None enlarges small pictures for viewing.

    Raises:
        SpatialGANError: there is no encoder, or it fails.
    """
    fps, path, encoder = positive(fps, "fps"), Path(path), require_encoder()
    if not frames:
        raise SpatialGANError("a video needs at least one frame")
    width, height = enlarge(frames[0], scale).size
    command = [
        encoder,
        "-loglevel",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        f"{fps:g}",
        "-i",
        "-",
        "-c:v",
        "libx264",
        "-crf",
        "16",
        "-pix_fmt",
        "yuv420p",
        "-vf",
        "pad=ceil(iw/2)*2:ceil(ih/2)*2",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
    ]

    def write(partial: Path) -> None:
        # file: or ffmpeg takes what stands before a colon in a name, as in 12:30.mp4, for a protocol.
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen([*command, f"file:{partial}"], stdin=subprocess.PIPE, stderr=said)
            assert process.stdin is not None
            try:
                whole = all(_poured(enlarge(frame, scale).convert("RGB").tobytes(), process.stdin) for frame in frames)
                with suppress(OSError):
                    process.stdin.close()
                failed = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            if failed or not whole:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise SpatialGANError(f"{path} cannot be encoded: {lines[-1]}")

    write_atomically(path, write)
    return path


def _poured(data: bytes, pipe: IO[bytes]) -> bool:
    """Whether the other end took it: a program that has ended early says elsewhere why."""
    try:
        pipe.write(data)
        return True
    except OSError:
        return False
