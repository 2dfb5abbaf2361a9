"""Recordings come back as they went in, from files, bytes and arrays."""

import io
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Audio, Repo, Run, UsageError, ValueTypeError

TYPES = [np.uint8, np.int16, np.int32, np.float32, np.float64]
shapes = st.one_of(st.tuples(st.integers(0, 20)), st.tuples(st.integers(0, 9), st.integers(1, 4)))


def expected_shape(array):
    return (array.shape[0],) if array.ndim == 2 and array.shape[1] == 1 else array.shape


@settings(deadline=None)
@given(st.sampled_from(TYPES).flatmap(lambda dtype: arrays.arrays(dtype, shapes)))
def test_samples_come_back_exactly(array):
    found = Audio(array, rate=8000).to_numpy()
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()
    assert found.shape == expected_shape(array)


@pytest.mark.parametrize("dtype", [">i2", ">f4"])
def test_the_order_of_bytes_does_not_matter(dtype):
    array = np.arange(5).astype(dtype)
    assert Audio(array).to_numpy().tolist() == array.tolist()


def test_python_reads_the_wav_of_an_array():
    audio = Audio(np.arange(6, dtype=np.int16).reshape(3, 2), rate=16000)
    with wave.open(audio.get()) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth(), file.getnframes()) == (
            2,
            16000,
            2,
            3,
        )
        assert np.frombuffer(file.readframes(9), np.int16).tolist() == list(range(6))


def test_24_bits_come_back_in_the_upper_ones_of_32():
    file = io.BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(1)
        writing.setsampwidth(3)
        writing.setframerate(8000)
        writing.writeframes(b"\x01\x00\x00\xff\xff\xff")
    audio = Audio(file, format="wav")
    assert audio.to_numpy().tolist() == [256, -256]
    assert audio.rate is None


def test_a_rate_that_is_not_given_is_aims():
    assert Audio(np.zeros(4, np.float32)).rate == 22500


@pytest.mark.parametrize("form", ["path", "str", "bytes", "file"])
def test_files_and_bytes_are_kept_as_they_are(tmp_path, form):
    data = b"fLaC and more"
    path = tmp_path / "sound.FLAC"
    path.write_bytes(data)
    what = {"path": path, "str": str(path), "bytes": data, "file": io.BytesIO(data)}[form]
    audio = Audio(what, format="" if form in ("path", "str") else "flac", caption="c")
    with Run(repo=tmp_path, **QUIET) as run:
        run.track([audio, audio], name="x")
    found = Repo(tmp_path).get_run(run.hash).get_audio_sequence("x").values.first_value()
    assert [one.get().read() for one in found] == [data, data]
    assert found[0].json() == {"caption": "c", "format": "flac", "rate": None}
    with found[0].open() as file:
        assert file.read() == data
    assert found[0] == audio
    with pytest.raises(UsageError, match="only WAV"):
        found[0].to_numpy()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((b"abc",), "format of the audio is not known"),
        ((b"abc", "ogg"), "'ogg' is no format"),
        (("missing.wav",), "No such file"),
        ((np.zeros(3, np.int64),), "int64"),
        ((np.zeros((2, 2, 2), np.float32),), r"shape \(2, 2, 2\)"),
        ((np.zeros(3, np.float32), "mp3"), "kept as WAV"),
        ((5,), "cannot be made of builtins.int"),
        ((np.zeros(3, np.float32), "", "c", 0), "rate of an Audio"),
        ((np.zeros(3, np.float32), "", "c", 1.5), "rate of an Audio"),
        ((b"abc", "wav", 5), "are strings"),
    ],
)
def test_what_is_no_audio_is_refused(arguments, text):
    with pytest.raises(UsageError, match=text):
        Audio(*arguments)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF1234WAVE", b"RIFF1234WAVEfmt \x04\0\0\0abcd"])
def test_a_wav_that_is_none_says_so_when_it_is_asked_for_samples(data):
    with pytest.raises(UsageError, match="no WAV file"):
        Audio(data, format="wav").to_numpy()


def test_an_encoding_that_numpy_lacks_is_refused():
    data = bytearray(Audio(np.zeros(4, np.uint8)).get().read())
    data[20] = 7  # mu-law
    with pytest.raises(UsageError, match="encoding 7"):
        Audio(bytes(data), format="wav").to_numpy()


def test_the_caption_may_be_changed():
    audio = Audio(b"abc", format="mp3")
    audio.caption = "new"
    assert audio.caption == "new"
    assert repr(audio) == "<Audio mp3 3 bytes 'new'>"
    with pytest.raises(ValueTypeError, match="caption of an Audio"):
        audio.caption = 5
