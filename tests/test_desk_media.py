"""Media: objects of all kinds, steps chosen from many, and damage that stays where it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from desk import ask, told
from processes import QUIET
from runstone import Audio, Distribution, Figure, Image, Repo, Run, Text, UsageError
from runstone_indexer.indexer import Indexer
from runstone_ui.desk import objects


@pytest.fixture(params=[True, False], ids=["index", "logs"])
def bob(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    aimql_repo.build(tmp_path, names="ada bob")
    if request.param:
        Indexer(tmp_path).run_once()
    return tmp_path


def values(path: Path, kind: str, **arguments: Any) -> list[Any]:
    """What stands at each step of the first sequence."""
    return [
        point["values"] for point in told(path, "media", kind=kind, **arguments)["sequences"][0]["points"]
    ]


def blob_of(path: Path, digest: str) -> Path:
    return path / ".runstone" / "blobs" / digest[:2] / digest


def test_a_sequence_comes_with_its_run_and_its_steps(bob: Path) -> None:
    found = told(bob, "media", kind="images", q="images.name == 'imgs'", attribute=["run.lr"])
    assert (found["kind"], found["total"], found["of"], found["skipped"]) == ("images", 1, 2, 0)
    (sequence,) = found["sequences"]
    stored = Repo(bob).get_run(sequence["run"])
    assert stored is not None
    images = stored.get_image_sequence("imgs", {"subset": "val"})
    assert images is not None
    assert (sequence["run_name"], sequence["experiment"], sequence["status"]) == ("bob", "text", "finished")
    assert (sequence["name"], sequence["context"]) == ("imgs", {"subset": "val"})
    assert (sequence["attributes"], sequence["count"]) == ([0.1], 2)
    assert [point["step"] for point in sequence["points"]] == [0, 1]
    assert [point["time"] for point in sequence["points"]] == images.timestamps.values_list()
    assert [point["epoch"] for point in sequence["points"]] == [None, None]


def test_images_and_recordings_are_named_by_their_blobs(bob: Path) -> None:
    for number, (image,) in enumerate(values(bob, "images")):
        assert {key: image[key] for key in ("format", "caption", "width", "height")} == {
            "format": "png", "caption": "", "width": 3, "height": 2,
        }  # fmt: skip
        assert blob_of(bob, image["blob"]).read_bytes()[:4] == b"\x89PNG", number
    for (audio,) in values(bob, "audios"):
        assert (audio["format"], audio["caption"], audio["rate"]) == ("wav", "", 8000)
        assert blob_of(bob, audio["blob"]).read_bytes()[:4] == b"RIFF"


def test_texts_figures_and_distributions_are_there_themselves(bob: Path) -> None:
    assert values(bob, "texts") == [[{"text": f"text {n}", "length": 6}] for n in range(2)]
    for number, (figure,) in enumerate(values(bob, "figures")):
        assert figure["json"]["data"][0]["y"] == [number]
    ((first,), _) = values(bob, "distributions")
    assert (sum(first["weights"]), len(first["weights"]), first["low"], first["high"]) == (3, 64, 0.0, 2.0)


def test_several_objects_at_a_step_stand_together(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run.track([Text("a"), Text("b")], name="t", step=5, epoch=2)
    (point,) = told(tmp_path, "media", kind="texts")["sequences"][0]["points"]
    assert (point["step"], point["epoch"], [v["text"] for v in point["values"]]) == (5, 2, ["a", "b"])


def written(path: Path, count: int = 101) -> Path:
    with Run(repo=path, **QUIET) as run:
        for step in range(count):
            run.track(Text(str(step)), name="t", step=step)
    Indexer(path).run_once()
    return path


def shown(path: Path, **arguments: Any) -> tuple[int, list[int]]:
    (sequence,) = told(path, "media", kind="texts", **arguments)["sequences"]
    for point in sequence["points"]:
        assert point["values"] == [{"text": str(point["step"]), "length": len(str(point["step"]))}]
    return sequence["count"], [point["step"] for point in sequence["points"]]


def test_of_many_steps_some_are_chosen_evenly(tmp_path: Path) -> None:
    written(tmp_path)
    count, steps = shown(tmp_path)
    assert (count, len(steps), steps[0], steps[-1]) == (101, 50, 0, 100)
    assert set(np.diff(steps)) == {2, 3}
    assert shown(tmp_path, density=5) == (101, [0, 25, 50, 75, 100])
    assert shown(tmp_path, density=2) == (101, [0, 100])
    assert shown(tmp_path, density=1000) == (101, list(range(101)))
    assert shown(tmp_path, low=10, high="20") == (11, list(range(10, 21)))
    assert shown(tmp_path, low=10, high=30, density=3) == (21, [10, 20, 30])
    assert shown(tmp_path, low=500) == (0, [])


def test_points_of_several_writers_at_a_step_are_chosen_together(tmp_path: Path) -> None:
    first = Run(repo=tmp_path, **QUIET)
    second = Run(first.hash, repo=tmp_path, **QUIET)
    for run in (first, second):
        for step in range(10):
            run.track(Text(str(step)), name="t", step=step)
        run.close()
    assert shown(tmp_path, density=2) == (20, [0, 0, 9, 9])


@pytest.mark.parametrize("kind", ["images", "audios", "texts", "figures", "distributions"])
def test_what_is_damaged_is_an_error_in_its_place_alone(tmp_path: Path, kind: str) -> None:
    import plotly.graph_objects as go

    long = "x" * 20_000
    make: dict[str, Any] = {
        "images": lambda n: Image(np.full((4, 4), n, np.uint8)),
        "audios": lambda n: Audio(np.full(100, n, np.int16)),
        "texts": lambda n: Text(f"{n}{long}"),
        "figures": lambda n: Figure(go.Figure(go.Scatter(y=[n]))),
        "distributions": lambda n: Distribution(np.arange(n + 2), bin_count=5000),
    }
    with Run(repo=tmp_path, **QUIET) as run:
        for step in range(3):
            run.track(make[kind](step), name="s", step=step)
    stored = Repo(tmp_path).get_run(run.hash)
    sequence = None if stored is None else stored.get_sequence("s")
    assert sequence is not None
    thing: Any = sequence.values[1]
    blob = Path(thing.storage.raw("data").path)
    blob.unlink()
    for reason in ("missing", "in place of"):
        first, second, third = values(tmp_path, kind)
        assert list(second[0]) == ["error"]
        assert reason in second[0]["error"]
        assert "error" not in {**first[0], **third[0]}
        blob.write_bytes(b"short")


def test_content_that_was_changed_is_an_error(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(Text("a" * 20_000), name="t")
    (blob,) = (tmp_path / ".runstone" / "blobs").glob("*/*")
    blob.chmod(0o644)
    blob.write_bytes(b"b" * 20_000)
    ((found,),) = values(tmp_path, "texts")
    assert "not what its name says" in found["error"]


def test_long_texts_are_cut_and_say_how_long_they_are(tmp_path: Path) -> None:
    long = "ä😀" * 1_000_000
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(Text(long), name="t")
    ((found,),) = values(tmp_path, "texts")
    assert (found["text"], found["length"]) == (long[:65_536], 2_000_000)


def test_half_of_a_character_is_spelled_out(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(Text("a\ud800"), name="t")
    assert values(tmp_path, "texts") == [[{"text": "a\\ud800", "length": 2}]]


def test_objects_that_no_runstone_wrote_are_errors(tmp_path: Path) -> None:
    with Run(repo=tmp_path, **QUIET) as run:
        log = run._writable()
        log.declare(0, "odd", {}, "image")
        log.points(0, [(0, {"caption": "no more"}), (1, 5), (2, {"blob": "../../x", "size": 1}), (3, [])])
    for value in values(tmp_path, "images")[:3]:
        assert list(value[0]) == ["error"]
    assert values(tmp_path, "images")[3] == []


def test_a_picture_in_place_of_plotlys_json_is_named_by_its_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from runstone_writer.media import figure as figures

    monkeypatch.setattr(figures, "_converted", lambda _: None)  # as where plotly is not installed
    drawn, axes = plt.subplots()
    axes.plot([1, 2])
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(Figure(drawn), name="f")
    plt.close(drawn)
    ((found,),) = values(tmp_path, "figures")
    assert found["format"] == "svg"
    assert b"<svg" in blob_of(tmp_path, found["blob"]).read_bytes()


def test_a_reply_has_room_for_so_much_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, 10)
    monkeypatch.setattr(objects, "ROOM", 4)
    found = [value[0] for value in values(tmp_path, "texts")]
    assert [each.get("text") for each in found] == ["0", "1", "2", "3", *[None] * 6]
    assert "no more room" in found[4]["error"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"kind": "movies"}, "kind is not 'movies'"),
        ({"density": 1}, "density"),
        ({"density": 1001}, "density"),
        ({"limit": 1001}, "limit"),
        ({"low": "x"}, "low"),
    ],
)
def test_an_argument_that_cannot_be_is_named(tmp_path: Path, arguments: dict[str, Any], named: str) -> None:
    Repo(tmp_path, init=True)
    with pytest.raises(UsageError, match=named):
        ask(tmp_path, "media", **arguments)
