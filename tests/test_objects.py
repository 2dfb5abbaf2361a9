"""Objects through a repository: lazily loaded from index and logs alike, alone, in lists and as parameters."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import (
    Audio,
    Audios,
    Context,
    CustomObject,
    DamagedBlobError,
    Distribution,
    Distributions,
    Figures,
    Image,
    Images,
    Metric,
    Repo,
    Run,
    Text,
    Texts,
)
from runstone_indexer.indexer import Indexer
from runstone_writer.layout import open_repo
from runstone_writer.media.objects import references, restore_point
from runstone_writer.values import encode

PIXELS = [np.full((2, 3), 50 * step, np.uint8) for step in range(4)]


@pytest.fixture(params=["index", "logs", "half"])
def repo(request, tmp_path):
    """Images `one` at steps 0 to 3, lists of them in `many`, and as parameters."""
    with Run(repo=tmp_path, **QUIET) as run:
        for step, pixels in enumerate(PIXELS):
            if request.param == "half" and step == 2:
                Indexer(tmp_path).run_once()
            run.track(Image(pixels, caption=f"c{step}"), name="one", step=step, epoch=step / 2)
            run.track([Image(pixels)] * step, name="many") if step else None
            run.track({"text": Text(f"t{step}"), "dist": Distribution([step, 9])}, context={"subset": "val"})
        run.track(Audio(np.zeros(3, np.int16)), name="tone")
        run.track([], name="many")
        run["first"] = Image(PIXELS[0], caption="parameter")
        run["nested"] = {"list": [Image(PIXELS[1]), 5], 3: {"x": Text("deep")}, "plain": 1}
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return Repo(tmp_path, index=request.param != "logs")


def take_blobs_away(repo):
    shutil.rmtree(repo.layout.blobs)


def test_what_is_known_of_an_image_needs_no_blob(repo):
    take_blobs_away(repo)
    (images,) = repo.query_images("images.name == 'one'")
    steps, found = images.values.sparse_list()
    assert steps == [0, 1, 2, 3]
    assert [(image.caption, image.size, image.format) for image in found] == [
        (f"c{i}", (3, 2), "png") for i in range(4)
    ]
    with pytest.raises(DamagedBlobError, match="the blob is missing"):
        found[0].to_pil_image()


def test_every_way_to_the_values_gives_images(repo):
    (images,) = repo.query_images("images.name == 'one'")
    expected = [Image(pixels, caption=f"c{step}") for step, pixels in enumerate(PIXELS)]
    values = images.values
    steps, array = values.sparse_numpy()
    assert steps.tolist() == [0, 1, 2, 3]
    assert array.dtype == object
    assert expected == values.values_list() == list(array) == list(values) == values.tolist()
    assert expected == [value for _, (value, _, _) in images.data.items()] == images.data.values_list()[0]
    assert (values.first_value(), values.last_value(), values[1]) == (expected[0], expected[3], expected[1])
    assert values[1:3] == expected[1:3]
    assert [np.asarray(image.to_pil_image()).tolist() for image in values] == [
        pixels.tolist() for pixels in PIXELS
    ]
    assert images.epochs.values_list() == [0.0, 0.5, 1.0, 1.5]
    assert (images.first_step(), images.last_step(), len(images)) == (0, 3, 4)


def test_several_objects_at_one_step_are_a_list(repo):
    (images,) = repo.query_images("images.name == 'many'")
    assert [len(value) for value in images.values] == [1, 2, 3, 0]
    assert images.values.last_value() == []
    assert images.values.sparse_numpy()[1][1] == [Image(PIXELS[2])] * 2
    assert images.record_length() == 3


def test_the_kinds_have_sequences_of_their_own(repo):
    (run,) = repo.query_runs()
    val = {"subset": "val"}
    assert isinstance(run.get_image_sequence("one", Context({})), Images)
    assert isinstance(run.get_text_sequence("text", Context(val)), Texts)
    assert isinstance(run.get_distribution_sequence("dist", val), Distributions)
    assert isinstance(run.get_audio_sequence("tone"), Audios)
    assert run.get_image_sequence("tone") is None
    assert run.get_image_sequence("one", {"subset": "val"}) is None
    assert run.get_figure_sequence("one") is None
    assert run.get_sequence("text", val).values[2].data == "t2"
    assert run.metrics() == []
    assert (Images.sequence_name(), Images.allowed_dtypes()) == ("images", "aim.image")
    assert Metric.allowed_dtypes() == ("float", "float64", "int")
    assert [made.sequence_name() for made in (Audios, Texts, Distributions, Figures)] == [
        "audios", "texts", "distributions", "figures",
    ]  # fmt: skip
    assert run.get_image_sequence("one").record_length() == 1


def test_a_frame_of_objects_has_them(repo):
    frame = repo.query_images("images.name == 'one'").dataframe()
    assert list(frame["value"])[1] == Image(PIXELS[1], caption="c1")
    assert list(frame["step"]) == [0, 1, 2, 3]
    many = repo.query_images("images.name == 'many'").dataframe(only_last=True, include_run=False)
    assert list(many["value"]) == [[]]
    assert len(repo.query_texts().dataframe()) == 4


def test_objects_as_parameters_come_back(repo):
    (run,) = repo.query_runs()
    assert run["first"] == Image(PIXELS[0], caption="parameter")
    assert run["nested", "list"] == [Image(PIXELS[1]), 5]
    assert run["nested", 3, "x"].data == "deep"
    assert run["nested"][3]["x"] == Text("deep")
    assert run[...]["first"] == run.get("first") == run["first"]
    assert run.get("first", resolve_objects=True)["caption"] == "parameter"
    assert run["nested", "plain"] == 1
    assert run.get("nothing", 5) == 5
    assert repo.query_runs().dataframe()["first"][0] == run["first"]


def test_a_query_sees_what_is_known_of_a_parameter_that_is_an_object(repo):
    for expression, count in (
        ("run.first.caption == 'parameter'", 1),
        ("run.first.width == 3 and run.first['height'] == 2", 1),
        ("run.first.to_pil_image == None", 1),
        ("run.first.storage", 0),
        ("search('deep parameter')", 1),
        ("search('absent')", 0),
        ("run['nested', 'list'][0].width > 5", 0),
        ("'first' in run and run.first.nothing == None", 1),
    ):
        assert len(repo.query_runs(expression)) == count, expression
    assert repo.collect_params_info()["first"]["caption"] == {"__example_type__": "<class 'str'>"}


def test_an_object_that_is_replaced_is_gone(tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run["a"] = Image(PIXELS[0])
        run["a"] = {"width": 5}
        run["b"] = 1
        run["b"] = Image(PIXELS[0])
        assert (run["a"], run["b"]) == ({"width": 5}, Image(PIXELS[0]))
        run[...] = {"a": Image(PIXELS[1]), "c": Text("t")}
        run["a"] = {"caption": "no image"}
        assert run[...] == {"a": {"caption": "no image"}, "c": Text("t")}
        del run["c"]
        assert run[...] == {"a": {"caption": "no image"}}


def test_dictionaries_that_look_like_objects_stay_dictionaries(tmp_path):
    alike = {
        "a": {"$object": ["image", {}]},
        "b": {"$blob": {"blob": "a" * 64, "size": 3}},
        "c": {"blob": "a" * 64, "size": 3},
    }
    with Run(repo=tmp_path, **QUIET) as run:
        run["x"] = alike
        assert run["x"] == alike
    assert Repo(tmp_path).get_run(run.hash)["x"] == alike


def test_one_damaged_blob_leaves_the_others_readable(repo):
    (images,) = repo.query_images("images.name == 'one'")
    found = images.values.values_list()
    path = Path(found[1]._blob.path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedBlobError, match="not what its name says"):
        found[1].to_pil_image()
    for step in (0, 2, 3):
        assert np.array_equal(np.asarray(images.values[step].to_pil_image()), PIXELS[step])


def test_an_image_of_one_repository_can_be_tracked_in_another(repo, tmp_path):
    (images,) = repo.query_images("images.name == 'one'")
    with Run(repo=tmp_path / "other", **QUIET) as run:
        run.track(images.values.first_value(), name="x")
    take_blobs_away(repo)
    (found,) = Repo(tmp_path / "other").query_images()
    assert np.array_equal(np.asarray(found.values.first_value().to_pil_image()), PIXELS[0])


def test_the_same_content_is_kept_once(repo):
    kinds = len(PIXELS) + 1
    assert len(list(Path(repo.layout.blobs).glob("*/*"))) == kinds


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image", {}),
        ("image", {"caption": "c", "blob": 5}),
        ("text", {"nothing": 1}),
        ("image", 5),
        ("image", None),
        ("text", "plain"),
        ("distribution", {"bin_count": 1, "range": [0.5], "dtype": "<i8", "data": [1]}),
        ("distribution", {"bin_count": 1, "range": [0.5, "a"], "dtype": "<i8", "data": [1]}),
        ("made.up", {"a": 1}),
    ],
)
def test_what_runstone_did_not_write_is_shown_as_it_is(tmp_path, kind, data):
    found = restore_point(open_repo(tmp_path, create=True), kind, data)
    assert (dict(found.storage) if isinstance(found, CustomObject) else found) == data


def test_references_are_found_wherever_they_are():
    blobs = []
    value = {"a": [Image(PIXELS[0]), {5: Image(PIXELS[1])}], "plain": {"blob": "b" * 64, "size": 1}}
    data = encode(value, blobs=blobs)
    assert list(references(data)) == [(blob.digest, blob.size) for blob in blobs]
    assert len(blobs) == 2
    assert list(references([{"blob": "c" * 64, "size": 7}], "image")) == [("c" * 64, 7)]
    assert list(references({"blob": "c" * 64, "size": 7}, "somebodys.own")) == []


# -- killed in the middle ------------------------------------------------------------------------------------------

KILLED = """
import sys
import numpy as np
from runstone import Image, Run, Text
run = Run(repo=sys.argv[1], durability=sys.argv[2], system_tracking_interval=None, capture_terminal_logs=False)
print(run.hash, flush=True)
step = 0
while True:
    pixels = np.random.default_rng(step).integers(0, 256, (40, 40), np.uint8)
    run.track([Image(pixels, caption=str(step)), Image(255 - pixels)], name="pairs", step=step)
    run["newest"] = Text(f"{step} " * 10_000)
    print(step, flush=True)
    step += 1
"""


@pytest.mark.parametrize("durability", ["written", "durable"])
@pytest.mark.parametrize("lines", [1, 7, 40])
def test_a_killed_process_loses_no_image_that_it_was_acknowledged(tmp_path, durability, lines):
    command = [sys.executable, "-c", KILLED, str(tmp_path), durability]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        run = process.stdout.readline().strip()
        acknowledged = [int(process.stdout.readline()) for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    stored = Repo(tmp_path).get_run(run)
    found = stored.get_image_sequence("pairs").values
    assert found.indices_list()[: len(acknowledged)] == acknowledged
    for step, (one, other) in found.items():
        pixels = np.random.default_rng(step).integers(0, 256, (40, 40), np.uint8)
        assert one.caption == str(step)
        assert np.array_equal(np.asarray(one.to_pil_image()), pixels)
        assert np.array_equal(np.asarray(other.to_pil_image()), 255 - pixels)
    assert int(stored["newest"].data.split()[0]) >= acknowledged[-1]
