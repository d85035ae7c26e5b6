"""Decoding: every kind of pixel, orientation and fit, and what is refused; every awkward file is made here."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from pictures import decoded, encode, noise
from PIL import Image

from spatialgan.data.decoding import BadImageError, decode
from spatialgan.errors import SpatialGANError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def bars(turn: Image.Transpose | None = None) -> Image.Image:
    """32x32: left half red, right half split green over blue; turned if asked."""
    image = Image.new("RGB", (32, 32), RED)
    image.paste(GREEN, (16, 0, 32, 16))
    image.paste(BLUE, (16, 16, 32, 32))
    return image if turn is None else image.transpose(turn)


def test_rgb_at_its_own_size_is_untouched():
    image = noise(0)
    result = decoded(encode(image), size=8)
    assert result.dtype == np.uint8 and result.shape == (3, 8, 8) and result.flags.c_contiguous
    np.testing.assert_array_equal(result, np.asarray(image).transpose(2, 0, 1))


def test_grey_becomes_three_equal_channels_and_stays_one():
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    data = encode(Image.fromarray(ramp))
    np.testing.assert_array_equal(decoded(data, size=8), np.stack([ramp] * 3))
    np.testing.assert_array_equal(decoded(data, size=8, channels=1), ramp[None])


def test_colour_to_one_channel_is_luma():
    grey = decoded(encode(Image.new("RGB", (8, 8), GREEN)), size=8, channels=1)
    assert grey.shape == (1, 8, 8) and abs(int(grey[0, 0, 0]) - 150) <= 1  # 0.587 * 255


def test_alpha_is_laid_over_white_before_resizing():
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))  # black hidden under full transparency
    image.paste((255, 0, 0, 255), (0, 0, 16, 32))
    result = decoded(encode(image), size=8)
    assert tuple(result[:, 4, 7]) == (255, 255, 255) and tuple(result[:, 4, 0]) == RED
    assert result[0].min() > 240  # no dark fringe: red and white both are 255 in the first channel


def test_half_alpha_blends():
    result = decoded(encode(Image.new("LA", (8, 8), (0, 128))), size=8)
    assert abs(int(result[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("transparent", [None, 0])
def test_palette(transparent):
    image = bars().quantize(4)
    first = image.getpixel((0, 0))
    options = {} if transparent is None else {"transparency": first}
    result = decoded(encode(image, **options))
    left = RED if transparent is None else (255, 255, 255)
    assert tuple(result[:, 8, 2]) == left and tuple(result[:, 4, 28]) == GREEN


def test_cmyk_jpeg_becomes_rgb():
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert np.abs(decoded(data, size=8)[:, 4, 4].astype(int) - RED).max() <= 4


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(format):
    levels = np.array([0, 257, 128 * 257, 65535], np.uint16).reshape(2, 2)
    if format == "PPM":  # which older Pillow cannot write from 16 bits
        data = b"P5 2 2 65535\n" + levels.astype(">u2").tobytes()
    else:
        data = encode(Image.fromarray(levels), format)
    np.testing.assert_array_equal(decoded(data, size=2, channels=1)[0], [[0, 1], [128, 255]])


def test_32_bit_pixels_are_refused_with_the_reason():
    data = encode(Image.fromarray(np.full((4, 4), 1e6, np.float32)), "TIFF")
    with pytest.raises(BadImageError, match=r"a\.png.*32 bits"):
        decoded(data)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_exif_orientation_is_undone(tag, format):
    # How a picture must be stored so that tag `tag` makes it upright again: the inverse turn.
    t = Image.Transpose
    stored = {
        1: None,
        2: t.FLIP_LEFT_RIGHT,
        3: t.ROTATE_180,
        4: t.FLIP_TOP_BOTTOM,
        5: t.TRANSPOSE,
        6: t.ROTATE_90,
        7: t.TRANSVERSE,
        8: t.ROTATE_270,
    }[tag]
    exif = Image.Exif()
    exif[0x0112] = tag
    options = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    result = decoded(encode(bars(stored), format, exif=exif, **options))
    expected = np.asarray(bars()).transpose(2, 0, 1).astype(int)
    assert np.abs(result - expected).max() <= 8


def test_broken_exif_harms_nothing():
    data = encode(bars(), "JPEG", exif=b"Exif\0\0nonsense")
    assert np.abs(decoded(data)[:, 8, 4].astype(int) - RED).max() <= 8


def test_fit_modes_on_a_wide_image():
    image = Image.new("RGB", (64, 32), GREEN)
    image.paste(RED, (0, 0, 16, 32))
    image.paste(BLUE, (48, 0, 64, 32))
    crop, pad, squash = (decoded(encode(image), size=32, fit=fit) for fit in ("crop", "pad", "squash"))
    assert {tuple(p) for p in crop.reshape(3, -1).T} == {GREEN}  # the centre square only
    assert not pad[:, :8].any() and not pad[:, 24:].any()  # black bars above and below
    assert tuple(pad[:, 16, 2]) == RED and tuple(pad[:, 16, 29]) == BLUE
    assert tuple(squash[:, 0, 2]) == RED and tuple(squash[:, 31, 29]) == BLUE


def test_fit_modes_on_a_tall_image():
    image = Image.new("RGB", (16, 48), GREEN)
    image.paste(RED, (0, 0, 16, 16))
    assert tuple(decoded(encode(image), size=16)[:, 0, 0]) == GREEN
    pad = decoded(encode(image), size=48, fit="pad")
    assert not pad[:, :, :16].any() and not pad[:, :, 32:].any() and tuple(pad[:, 2, 24]) == RED


def test_larger_is_resized_with_lanczos():
    image = noise(1, 40, 40)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    np.testing.assert_array_equal(decoded(encode(image), size=16), expected)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300)])
def test_tiny_and_extreme_shapes(shape, fit):
    result = decoded(encode(Image.new("RGB", shape, BLUE)), size=32, fit=fit)
    assert result.shape == (3, 32, 32) and result[2].max() == 255


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def eps() -> bytes:
    return encode(Image.new("RGB", (8, 8)), "EPS")


BAD_FILES = {
    "truncated": (lambda: encode(noise(0, 64, 64), "JPEG")[:900], "cut short"),
    "truncated png": (lambda: encode(noise(0, 64, 64))[:900], "cut short|cannot be opened"),
    "empty": (lambda: b"", "empty"),
    "text": (lambda: b"this is not a picture", "not an image"),
    "bomb": (lambda: png_claiming(20_000, 20_000), "megapixels|bomb"),
    "small bomb": (lambda: png_claiming(10_000, 9_500), "megapixels"),
    "postscript": (eps, "not an image"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_name_themselves_and_the_reason(kind):
    make, reason = BAD_FILES[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(SpatialGANError, match=rf"^pics/007\.jpg: .*({reason})"):
            decode(make(), "pics/007.jpg", size=32, channels=3, fit="crop")


def test_wrong_settings_are_not_blamed_on_the_file():
    with pytest.raises(SpatialGANError, match="channels=2"):
        decoded(encode(noise(0)), channels=2)
    with pytest.raises(SpatialGANError, match=r"fit='stretch'.*squash") as info:
        decoded(encode(noise(0)), fit="stretch")
    assert not isinstance(info.value, BadImageError)
