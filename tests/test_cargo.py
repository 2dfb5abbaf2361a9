"""A storage that refuses blobs: training goes on, nothing is claimed that is not there, and what is lost is counted."""

import errno
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, files_up_to, wait_until
from runstone import Audio, Image, Repo, Run, Text, UsageError
from runstone_query.verify import verify
from runstone_writer import cargo as cargo_module
from runstone_writer.media import blob as blob_module
from runstone_writer.media import shelf as shelf_module

LIMIT = 30_000
LARGE = "x" * LIMIT * 2  # a text that is in a blob which the storage refuses
NOISE = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)


@pytest.fixture(params=["written", "durable"])
def run(request, tmp_path):
    with Run(repo=tmp_path, durability=request.param, **QUIET) as run:
        yield run


def track_each(run, *values):
    for value in values:
        run.track(value, name="x")


def steps_of(tmp_path, run):
    found = Repo(tmp_path).get_run(run.hash).get_sequence("x")
    return [] if found is None else found.values.indices_list()


def dropped(tmp_path, run):
    state = Repo(tmp_path).get_run(run.hash)._fresh_state()
    return sum(writer.dropped for writer in state.writers.values())


def test_points_wait_until_the_storage_takes_their_blobs(tmp_path, run):
    run.track(Text("before"), name="x")
    with files_up_to(LIMIT):
        with pytest.warns(RuntimeWarning, match="File too large\nTraining goes on") as caught:
            track_each(run, Text(LARGE), *[[Text(LARGE), Text("short")]] * 3)
        assert len(caught) == 1
        run.track(Text("meanwhile"), name="x")
        run.track(1.0, name="loss")
        assert steps_of(tmp_path, run) == [0, 5]
        assert not list(Path(run._layout.blobs).glob("*/*"))
    wait_until(lambda: steps_of(tmp_path, run) == list(range(6)))
    run.close()
    values = Repo(tmp_path).get_run(run.hash).get_text_sequence("x").values
    assert values[1].data == LARGE
    assert [text.data for text in values[4]] == [LARGE, "short"]
    assert dropped(tmp_path, run) == 0
    assert verify(run._layout).damage == []


def test_a_parameter_does_not_wait_and_is_counted(tmp_path, run):
    run["x"] = "before"
    with files_up_to(LIMIT), pytest.warns(RuntimeWarning, match="are dropped and counted"):
        run["x"] = Text(LARGE)
    assert run["x"] == "before"
    run["x"] = "after"
    run.close()
    assert Repo(tmp_path).get_run(run.hash)["x"] == "after"
    assert dropped(tmp_path, run) == 1


def test_memory_is_bounded_and_what_does_not_fit_is_counted(tmp_path, run, monkeypatch):
    monkeypatch.setattr(cargo_module, "WAITING_LIMIT", 3 * len(LARGE))
    with files_up_to(LIMIT), pytest.warns(RuntimeWarning, match="Training goes on"):
        track_each(run, *[Text(LARGE)] * 5)
    wait_until(lambda: steps_of(tmp_path, run) == [0, 1, 2])
    run.close()
    assert dropped(tmp_path, run) == 2


def test_what_still_waits_at_the_end_is_counted_and_told(tmp_path, run):
    with files_up_to(LIMIT):
        with pytest.warns(RuntimeWarning, match="Training goes on"):
            run.track(Text(LARGE), name="x")
        run.track(Text(LARGE), name="x")
        with pytest.warns(RuntimeWarning, match=rf"2 points of run {run.hash} that have objects are lost"):
            run.close()
    assert steps_of(tmp_path, run) == []
    assert dropped(tmp_path, run) == 2
    found = verify(run._layout)
    assert (found.damage, found.tails) == ([], [])


def test_a_file_that_changes_while_its_point_waits_is_counted(tmp_path, run, monkeypatch):
    monkeypatch.setattr(blob_module, "MEMORY_LIMIT", 100)
    path = tmp_path / "sound.mp3"
    path.write_bytes(LARGE.encode())
    with files_up_to(LIMIT):
        with pytest.warns(RuntimeWarning, match="Training goes on"):
            run.track(Audio(path), name="x")
        path.write_bytes(b"")
    wait_until(lambda: dropped(tmp_path, run) == 1)
    assert steps_of(tmp_path, run) == []


def test_a_point_that_cannot_be_written_at_all_is_refused_before_its_blobs_are_kept(tmp_path, run):
    images = [Image(NOISE, caption="c" * 3_000_000)] * 6
    with pytest.raises(UsageError, match="bytes"):
        run.track(images, name="x")
    assert not list(Path(run._layout.blobs).glob("*/*"))


def test_a_blob_that_is_there_needs_no_space(tmp_path, run):
    run.track(Text(LARGE), name="x")
    with files_up_to(LIMIT):
        run.track(Text(LARGE), name="x")
    assert steps_of(tmp_path, run) == [0, 1]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_file_system_is_survived_and_space_that_returns_is_used(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        run = Run(repo=small, **QUIET)
        ballast = small / "ballast"
        ballast.write_bytes(bytes(150_000))
        with pytest.warns(RuntimeWarning, match="No space left on device\nTraining goes on"):
            track_each(run, *(Image(NOISE ^ step) for step in range(4)))
        ballast.unlink()
        wait_until(lambda: steps_of(small, run) == [0, 1, 2, 3])
        run.close()
        found = Repo(small).get_run(run.hash).get_image_sequence("x").values
        assert all(np.array_equal(np.asarray(found[step].to_pil_image()), NOISE ^ step) for step in range(4))
        assert verify(run._layout).damage == []
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_threads_track_objects_at_once(tmp_path, run):
    def track(name):
        for step in range(20):
            run.track([Image(NOISE ^ (step % 3)), Image(NOISE)], name=name, step=step)

    threads = [threading.Thread(target=track, args=(f"x{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.close()
    for sequence in Repo(tmp_path).query_images():
        assert sequence.values.indices_list() == list(range(20))
        assert all(len(value) == 2 for value in sequence.values)
    assert verify(run._layout).damage == []
    assert len(list(Path(run._layout.blobs).glob("*/*"))) == 3


FORKED = """
import os, sys
import numpy as np
from runstone import Image, Run
run = Run(repo=sys.argv[1], system_tracking_interval=None, capture_terminal_logs=False)
run.track(Image(np.zeros((2, 2), np.uint8)), name="x", step=0)
child = os.fork()
run.track(Image(np.full((2, 2), 9, np.uint8)), name="x", step=1 if child else 2)
run.close()
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_child_goes_on(tmp_path):
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], check=True)
    (found,) = Repo(tmp_path).query_images()
    assert found.values.indices_list() == [0, 1, 2]
    assert [image.to_pil_image().size for image in found.values] == [(2, 2)] * 3


# -- durability="accepted" -----------------------------------------------------------------------------------------


@pytest.fixture
def accepted(tmp_path):
    with Run(repo=tmp_path, durability="accepted", **QUIET) as run:
        yield run


def test_accepted_objects_are_written_with_their_blobs_first(tmp_path, accepted, monkeypatch):
    monkeypatch.setattr(blob_module, "MEMORY_LIMIT", 100)
    path = tmp_path / "sound.mp3"
    path.write_bytes(LARGE.encode())
    accepted.track(Audio(path), name="x")
    path.unlink()  # it was taken into memory
    accepted["image"] = Image(NOISE)
    accepted.track([Image(NOISE)], name="y")
    accepted.close()
    stored = Repo(tmp_path).get_run(accepted.hash)
    assert stored.get_audio_sequence("x").values[0].get().read() == LARGE.encode()
    assert stored["image"] == Image(NOISE)
    assert verify(accepted._layout).damage == []


def test_accepted_objects_that_the_storage_refuses_are_counted(tmp_path, accepted):
    with warnings.catch_warnings(record=True) as caught, files_up_to(LIMIT):
        warnings.simplefilter("always")
        for _ in range(3):
            accepted.track(Text(LARGE), name="x")
        wait_until(lambda: accepted.track(1.0, name="loss") or caught)
        wait_until(lambda: dropped(tmp_path, accepted) == 3)
    assert len(caught) == 1
    assert "cannot keep an object" in str(caught[0].message)
    accepted.track(Text(LARGE), name="x")
    accepted.close()
    assert steps_of(tmp_path, accepted) == [3]


def test_accepted_memory_is_bounded_by_blobs_as_well(tmp_path, accepted, monkeypatch):
    from runstone_writer import accepted as accepted_module

    monkeypatch.setattr(accepted_module, "WAITING_LIMIT", 3 * len(LARGE))
    log = accepted._log
    with log._lock:  # the log's own thread waits here, as it would for storage that hangs
        accepted.track(1.0, name="loss")
        wait_until(lambda: log._draining is not None)
        for step in range(5):
            accepted.track(Text(LARGE[:-1] + str(step)), name="x")
        assert len(log._queue) == 2
    accepted.close()
    assert steps_of(tmp_path, accepted)[-2:] == [3, 4]
    assert dropped(tmp_path, accepted) > 0


def test_a_line_becomes_durable_only_after_the_blobs_that_it_names(tmp_path, monkeypatch):
    """An image that comes while the blobs are being made durable waits for the next round, line and blob."""
    run = Run(repo=tmp_path, **QUIET)
    log = run._log
    run.track(Image(NOISE[:9]), name="x")
    sync, ends, taken = log._cargo.sync, [], type(log._part).take_off

    def late(of):
        told = sync(of)
        thread = threading.Thread(target=run.track, args=(Image(NOISE),), kwargs={"name": "x"})
        thread.start()  # just when all blobs have been made durable
        thread.join()
        return told

    def take_off(part):
        ends.append(taken(part))
        return ends[-1]

    monkeypatch.setattr(log._cargo, "sync", late)
    monkeypatch.setattr(type(log._part), "take_off", take_off)
    end = os.stat(log.path()).st_size
    log.sync()
    assert ends == [end]  # what the fsync vouches for stood there before the blobs were made durable
    assert os.stat(log.path()).st_size > end
    monkeypatch.undo()
    run.close()


def test_objects_that_could_not_be_made_durable_are_told_once_and_written_again(tmp_path, monkeypatch):
    run = Run(repo=tmp_path, **QUIET)
    run.track(Image(NOISE), name="x")
    before = inodes(tmp_path)
    monkeypatch.setattr(shelf_module, "_sync_file", lambda path: refuse())
    run._log.sync()
    with pytest.warns(RuntimeWarning, match="would not survive a power cut"):
        run.track(1, name="y")
    run._log.sync()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.track(2, name="y")
    assert inodes(tmp_path) != before
    run.close()


def inodes(repo):
    return [path.stat().st_ino for path in Path(repo, ".runstone/blobs").rglob("*") if path.is_file()]


def refuse():
    raise OSError(errno.EIO, "Input/output error")
