"""Artifacts: kept whole and verified, in the repository, in a folder, in a real server that speaks S3."""

import hashlib
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import CorruptionError, ReadOnlyError, Repo, Run, StoreError, UsageError
from runstone_writer.stores import PIECE

PAGE = Path(__file__).resolve().parent.parent / "docs/artifacts.md"


def stored(repo, run):
    return Repo(repo, index=False).get_run(run.hash)


@pytest.fixture
def run(tmp_path):
    opened = Run(repo=tmp_path / "repo", **QUIET)
    yield opened
    opened.close()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(os.urandom(2 * PIECE + 5))
    return path


def leftovers(folder):
    return [path for path in Path(folder).rglob("*") if path.name.endswith(".partial")]


# -- in the repository ---------------------------------------------------------------------------------------------


def test_an_artifact_goes_into_the_repository_and_comes_back_verified(tmp_path, run, model):
    run.log_artifact(model)
    run.log_artifact(str(model), "best/model.pt", block=True)
    run.close()
    for found in (stored(tmp_path / "repo", run), Repo(tmp_path / "repo").get_run(run.hash)):
        assert list(found.artifacts) == ["best/model.pt", "model.pt"]
        artifact = found.artifacts["best/model.pt"]
        assert artifact.size == model.stat().st_size
        assert artifact.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
        assert (artifact.path, artifact.error) == (str(model), None)
        assert artifact.uri.startswith("file:///")
        copy = artifact.download(tmp_path / "out")
        assert copy == str(tmp_path / "out/best/model.pt")
        assert Path(copy).read_bytes() == model.read_bytes()
        assert Path(artifact.download()).read_bytes() == model.read_bytes()
    blobs = [path for path in (tmp_path / "repo/.runstone/blobs").rglob("*") if path.is_file()]
    assert [path.name for path in blobs] == [artifact.sha256]  # both are the same
    assert blobs[0].parent.name == artifact.sha256[:2]


def test_an_empty_file_is_an_artifact(tmp_path, run):
    (tmp_path / "empty").touch()
    run.log_artifact(tmp_path / "empty", block=True)
    assert run.artifacts["empty"].size == 0
    assert Path(run.artifacts["empty"].download(tmp_path / "out")).read_bytes() == b""


def test_a_later_one_replaces_one_of_the_same_name_however_fast_they_come(tmp_path, run):
    for number in range(20):
        path = tmp_path / f"{number}.txt"
        path.write_text(f"{number}")
        run.log_artifact(path, "last.txt")
    run.close()
    artifact = stored(tmp_path / "repo", run).artifacts["last.txt"]
    assert Path(artifact.download(tmp_path / "out")).read_text() == "19"


def test_a_folder_is_kept_with_the_paths_in_it(tmp_path, run):
    for name in ("a.txt", "deep/er/b.txt", "deep/c d.txt"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    run.log_artifacts(tmp_path / "data", block=True)
    assert list(run.artifacts) == ["a.txt", "deep/c d.txt", "deep/er/b.txt"]
    run.log_artifacts(tmp_path / "data", "second", block=True)
    assert len(run.artifacts) == 6
    assert Path(run.artifacts["second/deep/er/b.txt"].download(tmp_path / "o")).read_text() == "deep/er/b.txt"


@pytest.mark.parametrize("name", ["", "..", "../x", "/x", "a/../../x", "a//b", "a/", "x\0y", "."])
def test_a_name_stays_below_its_folder(run, model, name):
    with pytest.raises(UsageError, match="not a name for an artifact"):
        run.log_artifact(model, name)


def test_a_wrong_call_is_an_error_at_once(tmp_path, run, model):
    with pytest.raises(UsageError, match="cannot read the artifact"):
        run.log_artifact(tmp_path / "nope")
    with pytest.raises(UsageError, match="cannot read the artifact"):
        run.log_artifact(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        run.log_artifacts(model)
    run.close()
    with pytest.raises(UsageError, match="is closed"):
        run.log_artifact(model)
    with pytest.raises(ReadOnlyError):
        stored(tmp_path / "repo", run).log_artifact(model)
    assert stored(tmp_path / "repo", run).artifacts == {}


def test_damage_is_noticed_and_leaves_nothing_behind(tmp_path, run, model):
    run.log_artifact(model, block=True)
    artifact = run.artifacts["model.pt"]
    blob = Path(artifact.uri.removeprefix("file://"))
    data = bytearray(blob.read_bytes())
    data[PIECE] ^= 1
    blob.write_bytes(data)
    with pytest.raises(CorruptionError, match="not what was stored"):
        artifact.download(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    blob.unlink()
    with pytest.raises(StoreError, match="No such file"):
        artifact.download(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_name_from_a_foreign_log_does_not_lead_out_of_the_folder(tmp_path, run):
    run._append("artifact", name="../evil", path="x", size=0, blob="e" * 64)
    with pytest.raises(CorruptionError, match="no name of an artifact"):
        run.artifacts["../evil"].download(tmp_path / "out")
    assert not (tmp_path / "evil").exists()


# -- in a folder ---------------------------------------------------------------------------------------------------


def test_artifacts_go_to_another_folder_and_each_run_has_its_own(tmp_path, run, model):
    assert run.artifacts_uri is None
    run.set_artifacts_uri(tmp_path / "ele where")
    assert run.artifacts_uri == f"{(tmp_path / 'ele where').as_uri()}/{run.hash}"
    run.log_artifact(model, "a b/größe%20.pt", block=True)
    kept = tmp_path / "ele where" / run.hash / "a b/größe%20.pt"
    assert kept.read_bytes() == model.read_bytes()
    artifact = run.artifacts["a b/größe%20.pt"]
    assert artifact.uri == kept.as_uri()
    assert Path(artifact.download(tmp_path / "out")).read_bytes() == model.read_bytes()
    run.set_artifacts_uri((tmp_path / "third").as_uri() + "/")
    run.log_artifact(model, block=True)
    assert (tmp_path / "third" / run.hash / "model.pt").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("uri", ["gs://bucket/x", "http://x", "s3://", "file://relative", "://"])
def test_an_address_of_another_kind_is_refused(run, uri):
    with pytest.raises(UsageError, match="artifacts cannot go to"):
        run.set_artifacts_uri(uri)
    assert run.artifacts_uri is None


@pytest.mark.parametrize("block", [True, False])
def test_what_cannot_be_stored_is_a_warning_and_can_be_stored_again(tmp_path, run, model, block):
    (tmp_path / "file").write_text("no folder")
    run.set_artifacts_uri(tmp_path / "file")
    warned = r"artifact 'model.pt' of run \w+ was not stored: Not a directory"
    with pytest.warns(RuntimeWarning, match=warned):  # noqa: PT031 - it comes from a thread
        run.log_artifact(model, block=block)
        run._uploading().wait()
    run.track(1.0, name="training goes on")
    artifact = run.artifacts["model.pt"]
    assert (artifact.size, artifact.sha256) == (None, None)
    assert artifact.error.startswith("Not a directory")
    with pytest.raises(UsageError, match="was not stored"):
        artifact.download(tmp_path)
    (tmp_path / "file").unlink()
    artifact.upload()
    assert run.artifacts["model.pt"].error is None
    assert Path(run.artifacts["model.pt"].download(tmp_path / "out")).read_bytes() == model.read_bytes()


# -- processes -----------------------------------------------------------------------------------------------------

ENDING = """
import sys
from runstone import Run
run = Run("r", repo=".", create=True, system_tracking_interval=None, capture_terminal_logs=False)
for number in range(30):
    with open(f"{number}.bin", "wb") as file:
        file.write(bytes([number]) * 1_000_000)
    run.log_artifact(f"{number}.bin")
"""


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0", "del run"])
def test_a_script_that_ends_has_stored_everything(tmp_path, ending):
    subprocess.run(
        [sys.executable, "-c", ENDING + ending], cwd=tmp_path, check=False, stderr=subprocess.DEVNULL
    )
    found = Repo(tmp_path, index=False).get_run("r")
    assert found.status == "finished"
    assert sorted(found.artifacts) == sorted(f"{number}.bin" for number in range(30))
    for number in (0, 29):
        path = found.artifacts[f"{number}.bin"].download(tmp_path / "out")
        assert Path(path).read_bytes() == bytes([number]) * 1_000_000


def test_whatever_was_acknowledged_before_a_kill_is_whole(tmp_path):
    script = ENDING + "print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.communicate()
    for artifact in Repo(tmp_path, index=False).get_run("r").artifacts.values():
        artifact.download(tmp_path / "out")


def test_a_forked_child_does_not_wait_for_its_parents_uploads(tmp_path, run, model):
    run.log_artifact(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            run.log_artifact(model, "child.pt")
            run.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    run.close()
    assert list(stored(tmp_path / "repo", run).artifacts) == ["child.pt", "model.pt"]


def test_a_run_that_keeps_no_artifacts_pays_nothing_for_them(tmp_path):
    code = (
        "import sys, runstone\nrunstone.Run(system_tracking_interval=None, capture_terminal_logs=False).close()\n"
        "print([name for name in ('concurrent.futures', 'boto3', 'urllib.parse') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# -- S3 ------------------------------------------------------------------------------------------------------------

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def endpoint():
    pytest.importorskip("boto3")
    pytest.importorskip("moto.server")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        _, port = server.stdout.readline().decode().split()
        yield f"http://127.0.0.1:{port}"
        server.stdin.close()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    return client


@pytest.mark.parametrize("size", [0, 5, 20 * PIECE + 1])
def test_a_store_that_speaks_s3_takes_and_gives_back(tmp_path, run, bucket, size):
    path = tmp_path / "m.bin"
    path.write_bytes(os.urandom(1) * size)
    run.set_artifacts_uri("s3://models/some/prefix/")
    run.log_artifact(path, "deep/größe #1?.bin")
    run.close()
    artifact = stored(tmp_path / "repo", run).artifacts["deep/größe #1?.bin"]
    assert artifact.uri == f"s3://models/some/prefix/{run.hash}/deep/größe #1?.bin"
    assert (artifact.size, artifact.error) == (size, None)
    keys = [
        each["Key"]
        for each in bucket.list_objects_v2(Bucket="models", Prefix=f"some/prefix/{run.hash}")["Contents"]
    ]
    assert keys == [artifact.uri.removeprefix("s3://models/")]
    assert Path(artifact.download(tmp_path / "out")).read_bytes() == path.read_bytes()
    bucket.put_object(Bucket="models", Key=keys[0], Body=b"something else")
    with pytest.raises(CorruptionError, match="not what was stored"):
        artifact.download(tmp_path / "again")
    bucket.delete_object(Bucket="models", Key=keys[0])
    with pytest.raises(StoreError, match="cannot copy s3://models"):
        artifact.download(tmp_path / "again")


def test_a_store_that_refuses_is_a_warning(run, bucket, model):
    run.set_artifacts_uri("s3://no-such-bucket/x")
    with pytest.warns(RuntimeWarning, match="was not stored: .*NoSuchBucket"):
        run.log_artifact(model, block=True)
    assert "NoSuchBucket" in run.artifacts["model.pt"].error


def test_a_store_that_is_not_there_is_a_warning(run, bucket, model, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    run.set_artifacts_uri("s3://models")
    with pytest.warns(RuntimeWarning, match="was not stored: .*Could not connect"):
        run.log_artifact(model, block=True)


@pytest.mark.checkout
def test_the_examples_of_the_page_run(tmp_path, bucket):
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/loss.svg").write_bytes(b"<svg/>")
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        shown = [line.partition("# ")[2] for line in example.splitlines() if "# " in line and "print" in line]
        assert done.stdout.splitlines() == shown


def test_an_artifact_puts_right_a_blob_that_a_power_cut_has_emptied(run, model):
    run.log_artifact(model, block=True)
    path = Path(run.artifacts["model.pt"].uri.removeprefix("file://"))
    path.write_bytes(b"")
    run.log_artifact(model, "again", block=True)
    assert path.read_bytes() == model.read_bytes()
