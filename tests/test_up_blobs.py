"""Blobs and artifacts: verified, shown only if they are what a browser may show, and with names made by us."""

import hashlib
import io
import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Run
from runstone_ui.blobs import file_name, kind_of
from runstone_writer.layout import open_repo
from servers import served, status_of

CANARY = b"canary-of-the-blobs"


def picture(kind):
    file = io.BytesIO()
    Picture.fromarray(np.zeros((4, 4, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def recording():
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(200))
    return file.getvalue()


SHOWN = {
    "image/png": picture("PNG"),
    "image/jpeg": picture("JPEG"),
    "image/gif": picture("GIF"),
    "image/webp": picture("WEBP"),
    "audio/wav": recording(),
    "audio/mpeg": b"ID3\x04" + bytes(40),
    "audio/ogg": b"OggS" + bytes(40),
    "audio/flac": b"fLaC" + bytes(40),
}
DOWNLOADS = [
    b"<html><script>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"%PDF-1.7",
    b"<?xml version='1.0'?><svg/>",
    b"{}",
    b"",
    b"GIF8",
    b"RIFF\0\0\0\0AVI LIST",
    b"\xff\xfe<\0s\0",
    b"MZ",
    b"\x1f\x8b",
    b"PK\3\4",
]


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return tmp_path_factory.mktemp("repo")


@pytest.fixture(scope="module")
def server(repo):
    with served(repo) as found:
        yield found


def put(repo, data):
    digest = hashlib.sha256(data).hexdigest()
    path = Path(open_repo(repo).blob_path(digest))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return digest, path


@pytest.mark.parametrize("kind", SHOWN)
def test_images_and_sounds_come_with_their_type_by_what_they_begin_with(server, repo, kind):
    digest, _ = put(repo, SHOWN[kind])
    reply = server.get(f"/api/blobs/{digest}")
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, SHOWN[kind], kind)
    assert reply.headers["content-disposition"].startswith(f'inline; filename="{digest[:16]}.')
    assert reply.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize("data", DOWNLOADS)
def test_everything_else_is_a_download(server, repo, data):
    digest, _ = put(repo, data)
    reply = server.get(f"/api/blobs/{digest}")
    assert (reply.status_code, reply.content) == (200, data)
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == f'attachment; filename="{digest[:16]}.bin"'
    assert kind_of(data[:16]) is None


def test_a_blob_that_is_not_there_is_not_found(server):
    assert server.get(f"/api/blobs/{'0' * 64}").status_code == 404
    assert server.get(f"/api/blobs/{'0' * 63}").status_code == 404
    assert server.get(f"/api/blobs/{'A' * 64}").status_code == 404


def test_a_damaged_blob_is_not_sent_even_if_it_was_right_a_moment_ago(server, repo):
    digest, path = put(repo, b"x" * 1000 + b"right")
    assert server.get(f"/api/blobs/{digest}").status_code == 200
    path.write_bytes(b"x" * 1000 + b"wrong")
    reply = server.get(f"/api/blobs/{digest}")
    assert (reply.status_code, reply.json()["error"]) == (404, "DamagedBlobError")
    assert str(repo) not in reply.text
    path.write_bytes(b"")
    assert server.get(f"/api/blobs/{digest}").status_code == 404
    path.write_bytes(b"x" * 1000 + b"right")
    assert server.get(f"/api/blobs/{digest}").status_code == 200


def test_no_link_is_followed(server, repo, tmp_path):
    (tmp_path / "canary").write_bytes(CANARY)
    digest = hashlib.sha256(CANARY).hexdigest()
    path = Path(open_repo(repo).blob_path(digest))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "canary")
    assert server.get(f"/api/blobs/{digest}").status_code == 404
    path.unlink()
    other = hashlib.sha256(CANARY + b"2").hexdigest()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / other).write_bytes(CANARY + b"2")
    folder = Path(open_repo(repo).blob_path(other)).parent
    if not folder.exists():
        folder.symlink_to(tmp_path / "folder")
    assert server.get(f"/api/blobs/{other}").status_code == 404
    os.mkfifo(path)
    assert server.get(f"/api/blobs/{digest}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=990-", 206, 990, 1000),
        ("bytes=-10", 206, 990, 1000),
        ("bytes=0-5000", 206, 0, 1000),
        ("bytes=999-999", 206, 999, 1000),
        ("bytes=-5000", 206, 0, 1000),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, 1000),
        ("bytes=9-5", 200, 0, 1000),
        ("bytes=a-b", 200, 0, 1000),
        ("bytes=-", 200, 0, 1000),
        ("items=0-1", 200, 0, 1000),
        ("bytes=" + "9" * 20 + "-", 200, 0, 1000),
        ("bytes=" + "0-0," * 2000, 200, 0, 1000),
    ],
)
def test_one_range_is_honoured_and_what_else_is_asked_for_is_passed_over(
    server, repo, asked, status, start, end
):
    data = bytes(number % 251 for number in range(1000))
    digest, _ = put(repo, data)
    reply = server.get(f"/api/blobs/{digest}", headers={"range": asked})
    assert (reply.status_code, reply.content) == (status, data[start:end])
    ranges = {206: f"bytes {start}-{end - 1}/1000", 416: "bytes */1000", 200: None}
    assert reply.headers.get("content-range") == ranges[status]


def test_who_has_it_already_is_told_so(server, repo):
    digest, _ = put(repo, b"known")
    tag = server.get(f"/api/blobs/{digest}").headers["etag"]
    reply = server.get(f"/api/blobs/{digest}", headers={"if-none-match": tag})
    assert (reply.status_code, reply.content) == (304, b"")
    head = server.http.head(f"/api/blobs/{digest}")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "5", b"")


def test_a_large_blob_comes_in_pieces_and_whole(server, repo):
    data = os.urandom(3_000_001)
    digest, _ = put(repo, data)
    assert server.get(f"/api/blobs/{digest}").content == data


def test_an_artifact_is_a_download_under_a_harmless_name(server, repo, tmp_path):
    (tmp_path / "model.pt").write_bytes(CANARY)
    with Run(repo=repo, **QUIET) as run:
        for name in ("out/model.pt", 'we"ird;\r\nname é.tar.gz', "..x", "page.html"):
            run.log_artifact(tmp_path / "model.pt", name, block=True)
    names = {
        "out/model.pt": "model.pt",
        'we"ird;\r\nname é.tar.gz': "we-ird-name-tar.gz",
        "..x": "x",
        "page.html": "page.html",
    }
    for name, shown in names.items():
        reply = server.get(f"/api/runs/{run.hash}/artifact", params={"name": name})
        assert (reply.status_code, reply.content) == (200, CANARY)
        assert reply.headers["content-disposition"] == f'attachment; filename="{shown}"'
        assert reply.headers["content-type"] == "application/octet-stream"
    for path in (f"/api/runs/{run.hash}/artifact?name=nothing", "/api/runs/nothing/artifact?name=x"):
        assert server.get(path).status_code == 404
    assert server.get(f"/api/runs/{run.hash}/artifact").status_code == 400
    assert file_name("///", "0" * 64) == "0" * 16


def test_an_artifact_elsewhere_is_not_fetched_wherever_a_log_says_that_it_is(server, repo, tmp_path):
    canary = tmp_path / "canary"
    canary.write_bytes(CANARY)
    digest = hashlib.sha256(CANARY).hexdigest()
    with Run(repo=repo, **QUIET) as run:
        for number, fields in enumerate(
            [
                {"uri": f"file://{canary}", "sha256": digest, "size": len(CANARY)},
                {"uri": "http://127.0.0.1:1/x", "sha256": digest, "size": 1},
                {"blob": f"../../{canary}", "size": len(CANARY)},
                {"blob": "x", "size": 1},
                {"path": str(canary)},
            ]
        ):
            run._log.append("artifact", name=f"a{number}", **{"path": "x", **fields})
    for number in range(5):
        reply = server.get(f"/api/runs/{run.hash}/artifact", params={"name": f"a{number}"})
        assert reply.status_code == 404
        assert CANARY not in reply.content
    assert status_of(server.asked(f"/api/runs/{run.hash}/artifact?name=../../../../etc/passwd")) == 404
