"""Where things are in a repository, and what is said of folders that are none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstone_writer import layout as layout_module
from runstone_writer.errors import FormatVersionError, MissingRepoError, StoreError, UsageError
from runstone_writer.layout import (
    Layout,
    check_hash,
    find_repo,
    is_safe_hash,
    log_name,
    new_hash,
    new_writer,
    open_repo,
    parse_log_name,
    repo_root,
    shard,
    write_whole,
    writer_time,
)


def test_a_repository_is_made_where_none_is(tmp_path: Path) -> None:
    layout = open_repo(tmp_path / "deep" / "er", create=True)
    assert layout.root == str(tmp_path / "deep" / "er" / ".runstone")
    assert sorted(os.listdir(layout.root)) == ["format.json", "live", "logs"]
    assert (Path(layout.root) / "format.json").read_text() == '{"format":1}\n'
    assert layout.runs() == []


def test_a_repository_is_opened_by_its_folder_or_the_one_around_it(tmp_path: Path) -> None:
    made = open_repo(tmp_path, create=True)
    assert open_repo(tmp_path).root == open_repo(made.root).root == repo_root(tmp_path) == made.root


def test_every_folder_that_is_made_is_made_durable_in_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(layout_module, "sync_folder", synced.append)
    open_repo(tmp_path / "a" / "b", create=True)
    assert {
        str(tmp_path / "a/b/.runstone"),
        str(tmp_path / "a/b"),
        str(tmp_path / "a"),
        str(tmp_path),
    } <= set(synced)


def test_processes_may_make_a_repository_at_once(tmp_path: Path) -> None:
    code = "import sys; from runstone_writer.layout import open_repo; open_repo(sys.argv[1], create=True)"
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    assert open_repo(tmp_path).runs() == []
    assert sorted(os.listdir(tmp_path / ".runstone")) == ["format.json", "live", "logs"]


def test_a_missing_repository_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingRepoError, match=r"no Runstone repository at .*\n.*runstone init") as caught:
        open_repo(tmp_path)
    assert caught.value.filename == str(tmp_path / ".runstone")
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingRepoError):
        open_repo(tmp_path / "file")
    with pytest.raises(StoreError, match=r"cannot create a repository at .*Not a directory"):
        open_repo(tmp_path / "file", create=True)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format":"1"}', '{"format":0}', '{"format":true}', "\0\0"]
)
def test_a_format_file_that_says_nothing_is_a_store_error_with_what_to_write(
    tmp_path: Path, content: str
) -> None:
    open_repo(tmp_path, create=True)
    (tmp_path / ".runstone/format.json").write_text(content)
    with pytest.raises(StoreError, match=r'does not say which format[\s\S]*write \{"format":1\}'):
        open_repo(tmp_path, create=True)


def test_a_newer_repository_is_refused_and_not_changed(tmp_path: Path) -> None:
    open_repo(tmp_path, create=True)
    (tmp_path / ".runstone/format.json").write_text('{"format":2}')
    with pytest.raises(
        FormatVersionError, match=r"repository format 2; this Runstone reads up to 1\n.*pip install"
    ):
        open_repo(tmp_path, create=True)
    assert (tmp_path / ".runstone/format.json").read_text() == '{"format":2}'


# Root passes over permissions by two capabilities: what the process executes next does not get them.
UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""
REFUSED = """
import os, sys
from runstone_writer import Run, StoreError
for repo in ("new", "unreadable", "unwritable"):
    try:
        Run(repo=os.path.join(sys.argv[1], repo), system_tracking_interval=None, capture_terminal_logs=False)
    except StoreError as error:
        print(*str(error).replace(sys.argv[1], "").splitlines(), sep=" | ")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="dropping root's capabilities is Linux's")
def test_a_folder_without_permission_is_a_store_error(tmp_path: Path) -> None:
    open_repo(tmp_path / "unreadable", create=True)
    open_repo(tmp_path / "unwritable", create=True)
    (tmp_path / "unreadable/.runstone/format.json").chmod(0o000)
    for folder in ("", "unwritable/.runstone/live", "unwritable/.runstone/logs"):
        (tmp_path / folder).chmod(0o500)
    command = [sys.executable, "-c", UNPRIVILEGED, REFUSED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    tmp_path.chmod(0o700)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "cannot create a repository at /new/.runstone: Permission denied | Give a folder that you may write to: "
        "Run(repo=...) or `runstone init DIR`.",
        "cannot read /unreadable/.runstone/format.json: Permission denied | Whose folder is it, and may you read it?",
        "cannot write to /unwritable/.runstone: Permission denied | Give a folder that you may write to: "
        "Run(repo=...).",
    ]


def test_the_nearest_repository_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = open_repo(tmp_path, create=True)
    inner = open_repo(tmp_path / "a" / "b", create=True)
    (tmp_path / "a" / "b" / "c").mkdir()
    assert find_repo(tmp_path / "a") == outer.root
    assert find_repo(tmp_path / "a" / "b" / "c") == inner.root
    monkeypatch.chdir(tmp_path / "a")
    assert find_repo() == outer.root
    assert find_repo("/proc") is None


@pytest.mark.parametrize("run", ["a", "0" * 24, "A_b-9", "x" * 128])
def test_a_hash_is_a_plain_file_name(run: str) -> None:
    assert check_hash(run) == run


@pytest.mark.parametrize(
    "run", ["", ".", "..", "a/b", "../a", "-a", "a.b", "a b", "a\n", "é", "x" * 129, "a\0", None, 5]
)
def test_whatever_could_lead_elsewhere_is_no_hash(run: str) -> None:
    with pytest.raises(UsageError, match="not a run hash"):
        check_hash(run)


@given(st.text(max_size=20))
def test_no_hash_leads_out_of_the_repository(text: str) -> None:
    if is_safe_hash(text):
        path = Layout("/r/.runstone").run_folder(text)
        assert os.path.normpath(path) == path
        assert os.path.dirname(os.path.dirname(path)) == "/r/.runstone/logs"


def test_fresh_hashes_and_writers_have_their_forms() -> None:
    assert re.fullmatch("[0-9a-f]{24}", new_hash())
    writer = new_writer(1_757_000_000_123_456_789)
    assert parse_log_name(log_name(writer, 0)) == (writer, 0)
    assert writer_time(writer) == 1_757_000_000_123_000
    assert len({new_writer(0) for _ in range(100)}) == 100


def test_writers_sort_by_the_time_at_which_they_began() -> None:
    assert new_writer(1_000_000) < new_writer(2_000_000) < new_writer(10**18)


@given(st.integers(0, 999_999))
def test_a_log_name_says_its_writer_and_part(part: int) -> None:
    assert parse_log_name(log_name("19a0b5c1d2e-00c0ffee0001", part)) == ("19a0b5c1d2e-00c0ffee0001", part)


@pytest.mark.parametrize(
    "name",
    [
        "19a0b5c1d2e-00c0ffee0001",
        "19a0b5c1d2e-00c0ffee0001.json",
        "19a0b5c1d2e-00c0ffee0001.0.jsonl",
        "19a0b5c1d2e-00c0ffee0001.01.jsonl",
        "19a0b5c1d2e-00c0ffee0001.1000000.jsonl",
        "19A0B5C1D2E-00c0ffee0001.jsonl",
        "19a0b5c1d2e-00c0ffee0001.jsonl\n",
        "19a0b5c1d2e-00c0ffee0001.jsonl.tmp",
        ".19a0b5c1d2e-00c0ffee0001.jsonl",
    ],
)
def test_another_name_is_a_foreign_file(name: str) -> None:
    assert parse_log_name(name) is None


def test_logs_are_listed_by_writer_and_then_by_part(tmp_path: Path) -> None:
    layout = open_repo(tmp_path, create=True)
    first, second = "19a0b5c1d2e-00c0ffee0001", "19a0b5c1d2f-00c0ffee0000"
    names = [log_name(first, part) for part in (0, 1, 2, 10)] + [log_name(second, 0)]
    folder = Path(layout.run_folder("r"))
    folder.mkdir(parents=True)
    for name in [*reversed(names), "notes.txt", "x.jsonl", ".hidden"]:
        (folder / name).touch()
    assert layout.log_names("r") == names
    assert layout.foreign_names("r") == ["notes.txt", "x.jsonl"]
    assert layout.runs() == ["r"]
    assert layout.log_names("other") == []


def test_shards_are_two_hex_digits_and_even(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    for number in range(25_600):
        counts[shard(f"run-{number}")] = counts.get(shard(f"run-{number}"), 0) + 1
    assert len(counts) == 256
    assert all(re.fullmatch("[0-9a-f]{2}", name) for name in counts)
    assert max(counts.values()) < 200


def test_a_file_is_put_in_place_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "file")
    write_whole(path, b"one")
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "write", lambda fd, data: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(OSError, match="No space"):
            write_whole(path, b"two")
    assert Path(path).read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["file"]
    with monkeypatch.context() as patch:
        real = os.write
        patch.setattr(os, "write", lambda fd, data: real(fd, data[:1]))
        write_whole(path, b"three")
    assert Path(path).read_bytes() == b"three"


def test_readers_never_see_half_of_a_file_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([65 + i]) * 50_000 for i in range(10)]
    write_whole(str(path), contents[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents:
        write_whole(str(path), content)
    done.set()
    reader.join()
    assert seen <= set(contents)
