"""Images of every source come back as they went in; what is no image is refused at once."""

import io
import os
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Pillow

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Audio, Distribution, Image, Repo, Run, UsageError, ValueTypeError
from runstone_writer.media import blob as blob_module

mpl.use("agg")
RGB = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)


def pixels(image):
    return np.asarray(image.to_pil_image())


def content(image):
    with image.open() as file:
        return file.read()


def stored(tmp_path, image):
    """Return an image as it comes back from a repository."""
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(image, name="x")
    return Repo(tmp_path).get_run(run.hash).get_image_sequence("x").values.first_value()


shapes = st.one_of(
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
)


@settings(deadline=None)
@given(arrays.arrays(np.uint8, shapes))
def test_an_array_comes_back_from_png_exactly(array):
    expected = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    image = Image(array)
    assert np.array_equal(pixels(image), expected)
    assert image.size == (image.width, image.height) == array.shape[1::-1]


@settings(deadline=None)
@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_an_array_of_16_bits_keeps_them(array):
    assert np.array_equal(pixels(Image(array)), array)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]]), [[0, 128, 255]]),
        (np.array([[0.0, 1.0000001]], np.float32), [[0, 255]]),
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[0, 255]]), [[0, 255]]),
        (np.asfortranarray([[1, 2], [3, 4]]).astype(np.uint8), [[1, 2], [3, 4]]),
    ],
)
def test_arrays_of_other_types_become_8_bits(array, expected):
    assert pixels(Image(array)).tolist() == expected


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([[0.0, 255.0]]), "0.0 to 1.0"),
        (np.array([[-0.5, 0.5]]), "-0.5 to 0.5"),
        (np.array([[np.nan]]), "nan"),
        (np.array([[256]]), "0 to 255"),
        (np.zeros((2, 2, 5)), r"shape \(2, 2, 5\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((4, 3, 8, 8)), "as a list"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros((2, 2, 3), np.uint16), "16 bits"),
        (np.array([["a"]]), "type <U1"),
        (np.zeros((2, 2), complex), "complex"),
    ],
)
def test_what_an_image_cannot_be_made_of_is_refused(array, text):
    with pytest.raises(UsageError, match=text):
        Image(array)


@pytest.mark.parametrize("value", [None, 5, b"abc", [[0, 1]], object()])
def test_other_things_are_refused_by_their_type(value):
    with pytest.raises(ValueTypeError, match="cannot be made of"):
        Image(value)


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
def test_a_file_keeps_its_own_bytes(tmp_path, name):
    path = tmp_path / "file"
    Pillow.fromarray(RGB).save(path, name)
    for given_path in (path, str(path)):
        image = Image(given_path, caption="c")
        assert content(image) == path.read_bytes()
        assert (image.format, image.size, image.caption) == (name, (5, 6), "c")
    assert content(stored(tmp_path, Image(path))) == path.read_bytes()


def test_a_file_is_encoded_anew_if_another_format_is_asked_for(tmp_path):
    path = tmp_path / "file.png"
    Pillow.fromarray(RGB).save(path)
    image = Image(path, format="JPG", quality=50)
    assert (image.format, image.to_pil_image().format) == ("jpeg", "JPEG")
    assert content(Image(path, format="PNG")) == path.read_bytes()


def test_a_file_may_change_after_an_image_was_made_of_it(tmp_path):
    path = tmp_path / "file.png"
    Pillow.fromarray(RGB).save(path)
    image = Image(path)
    path.write_bytes(b"something else")
    assert np.array_equal(pixels(stored(tmp_path, image)), RGB)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_refused(tmp_path, data):
    path = tmp_path / "file.png"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"file\.png cannot be read as an image: [^<]+$"):
        Image(path)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "file.jpeg"
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UsageError, match="cannot be read as an image"):
        Image(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        Image(tmp_path / "missing.png")
    with pytest.raises(UsageError, match="Is a directory"):
        Image(tmp_path)


def test_a_large_file_is_not_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(blob_module, "MEMORY_LIMIT", 50)
    path = tmp_path / "file.png"
    Pillow.fromarray(RGB).save(path)
    assert path.stat().st_size > 50
    assert np.array_equal(pixels(stored(tmp_path, Image(path))), RGB)
    image = Image(path)
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, (0, 0))
    with Run(repo=tmp_path, **QUIET) as run, pytest.raises(UsageError, match="has changed"):
        run.track(image, name="x")


# -- PIL, frames, transparency -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "La", "RGBa"]
)
def test_pil_images_of_any_kind_can_be_kept(mode):
    given_image = Pillow.new(mode, (4, 3))
    image = Image(given_image)
    assert (image.size, image.to_pil_image().size) == ((4, 3), (4, 3))
    direct = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
    other = {"La": "LA", "RGBa": "RGBA"}
    assert image.to_pil_image().mode == (mode if mode in direct else other.get(mode, "RGB"))


def test_a_mode_that_the_format_does_not_have_is_refused():
    with pytest.raises(UsageError, match="mode 'F' cannot be kept as 'png'"):
        Image(Pillow.new("F", (2, 2)))
    with pytest.raises(UsageError, match="'nonsense'"):
        Image(RGB, format="nonsense")


@pytest.mark.parametrize("name", ["jpeg", "jpg", "bmp"])
def test_what_is_transparent_becomes_white_where_there_is_no_transparency(name):
    array = np.zeros((16, 16, 4), np.uint8)
    array[:, 8:] = (255, 0, 0, 255)
    found = pixels(Image(array, format=name))
    assert (found[:, :6] > 240).all()
    assert (found[:, 10:, 0] > 240).all()
    assert (found[:, 10:, 1:] < 15).all()


def frames():
    return [Pillow.fromarray(np.full((4, 4, 3), 80 * i, np.uint8)) for i in range(3)]


@pytest.mark.parametrize("name", ["gif", "png", "webp", "tiff"])
def test_animated_images_keep_their_frames(tmp_path, name):
    first, *rest = frames()
    path = tmp_path / "moving"
    first.save(path, name, save_all=True, append_images=rest)
    with Pillow.open(path) as moving:
        images = [Image(path), Image(moving), Image(moving, format="gif")]
    assert [stored(tmp_path, image).to_pil_image().n_frames for image in images] == [3, 3, 3]
    assert images[1].format == name
    with pytest.raises(UsageError, match="3 frames cannot be kept as 'jpeg'"):
        Image(path, format="jpeg")


def test_quality_makes_a_difference():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    sizes = [len(content(Image(noise, format="jpeg", quality=quality))) for quality in (10, 90)]
    assert sizes[0] < sizes[1]


def test_optimize_loses_nothing():
    assert np.array_equal(pixels(Image(RGB, optimize=True)), RGB)


# -- figures and tensors -------------------------------------------------------------------------------------------


def test_a_matplotlib_figure_becomes_a_picture():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    figure.add_subplot().plot([1, 2])
    assert Image(figure).size == (100, 50)
    assert Image(figure, format="jpeg").to_pil_image().format == "JPEG"


def look_alike():
    """A stand-in for torch, which is too large to be installed for tests: what Image asks of a tensor."""

    class Tensor:
        def __init__(self, array):
            self.array = array

        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return self.array

    Tensor.__module__ = "torch"
    return Tensor


@pytest.fixture(params=["torch", "look-alike"])
def tensor(request):
    """What makes a tensor of an array: of torch where that is installed."""
    return pytest.importorskip("torch").tensor if request.param == "torch" else look_alike()


def test_of_a_tensor_the_channels_come_first(tensor):
    assert np.array_equal(pixels(Image(tensor(RGB.transpose(2, 0, 1).copy()))), RGB)
    assert pixels(Image(tensor(np.array([[0.0, 1.0]], np.float16)))).tolist() == [[0, 255]]
    assert pixels(Image(tensor(np.zeros((1, 2, 3), np.uint8)))).shape == (2, 3)
    with pytest.raises(UsageError, match="as a list"):
        Image(tensor(np.zeros((8, 3, 4, 4))))


def test_audio_and_distributions_are_made_of_tensors_too(tensor):
    assert Audio(tensor(np.array([0.1, -1.0]))).to_numpy().tolist() == [0.1, -1.0]
    assert Distribution(tensor(np.array([1.0, 2.0])), 2).weights.tolist() == [1, 1]


def test_a_tensor_of_torch_may_need_a_gradient_or_have_a_type_of_its_own():
    torch = pytest.importorskip("torch")
    assert pixels(Image(torch.ones(2, 3, requires_grad=True))).tolist() == [[255] * 3] * 2
    assert pixels(Image(torch.ones(3, 2, 2, dtype=torch.bfloat16))).shape == (2, 2, 3)
    assert Distribution(torch.ones(5, dtype=torch.bfloat16, requires_grad=True)).weights.sum() == 5


# -- what is known of an image -------------------------------------------------------------------------------------


def test_the_caption_may_be_changed_until_the_image_is_tracked(tmp_path):
    image = Image(RGB, caption="before")
    image.caption = "after"
    assert stored(tmp_path, image).caption == "after"
    for wrong in (5, None):
        with pytest.raises(ValueTypeError, match="caption of an image is a string"):
            image.caption = wrong
        with pytest.raises(ValueTypeError, match="caption of an image is a string"):
            Image(RGB, caption=wrong)
    with pytest.raises(ValueTypeError, match="format of an image"):
        Image(RGB, format=5)


def test_images_are_equal_if_bytes_format_and_caption_are(tmp_path):
    assert Image(RGB, "a") == Image(RGB, "a") == stored(tmp_path, Image(RGB, "a"))
    assert Image(RGB, "a") != Image(RGB, "b")
    assert Image(RGB) != Image(255 - RGB)
    assert Image(RGB) != Image(RGB, format="webp")
    assert Image(RGB) != 5


def test_json_and_repr_say_what_is_known_without_the_content():
    image = Image(RGB, "a")
    assert image.json() == {"caption": "a", "format": "png", "width": 5, "height": 6}
    assert repr(image) == "<Image 5x6 png 'a'>"


def test_open_gives_a_file_that_pillow_reads():
    assert Pillow.open(io.BytesIO(content(Image(RGB)))).size == (5, 6)
