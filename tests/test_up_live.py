"""Live changes: told to everybody who listens, soon, without holding anybody up."""

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import Journal, hash_of, new_repo, write_run, writer_id
from processes import QUIET, Writer, wait_until
from runstone import Repo, Run
from runstone_indexer.indexer import Indexer
from runstone_ui import live as module
from runstone_ui.lookout import MOST_NEWS, Lookout, News
from servers import served


class Stream:
    """Somebody who listens, in a thread."""

    def __init__(self, server):
        self.events = []
        self.text = ""
        self._response = server.http.stream("GET", "/api/live", timeout=None)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        wait_until(lambda: self.events or not self._thread.is_alive())

    def _listen(self):
        with contextlib.suppress(Exception), self._response as response:
            self.status, self.headers = response.status_code, response.headers
            for piece in response.iter_text():
                self.text += piece
                *whole, _ = self.text.split("\n\n")
                self.events = [event_of(block) for block in whole if "event:" in block]

    def heard(self, run):
        return any(run in data["runs"] for name, data in self.events if name == "changed")

    @property
    def is_over(self):
        return not self._thread.is_alive()


def event_of(block):
    fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith("retry"))
    return fields["event"], orjson.loads(fields["data"])


@pytest.fixture
def server(tmp_path):
    with served(tmp_path) as found:
        yield found


def test_hello_comes_first_with_what_is_so_now(tmp_path):
    layout = new_repo(tmp_path)
    write_run(layout, 1)
    Indexer(tmp_path).run_once()
    with served(tmp_path) as server:
        stream = Stream(server)
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.text.startswith("retry: ")
        name, data = stream.events[0]
        assert (name, data) == ("hello", {"generation": 1, "runs": [], "more": False, "active": 0})


def test_everybody_hears_of_a_run_that_another_process_begins_and_of_each_of_its_points(server, tmp_path):
    streams = [Stream(server) for _ in range(3)]
    with Writer(tmp_path) as writer:
        for stream in streams:
            wait_until(lambda stream=stream: stream.heard(writer.hash))
        wait_until(lambda: any(data["active"] == 1 for _, data in streams[0].events))
        before = [len(stream.events) for stream in streams]
        writer.do("run.track(1.0, name='loss')")
        for stream, count in zip(streams, before, strict=True):
            wait_until(lambda stream=stream, count=count: len(stream.events) > count)
        writer.end()
    Indexer(tmp_path).run_once()
    wait_until(lambda: all(stream.events[-1][1]["generation"] == 1 for stream in streams))
    wait_until(lambda: streams[0].events[-1][1]["active"] == 0)


def test_an_edit_by_another_process_is_heard_of_even_if_it_was_indexed_at_once(server, tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
    Indexer(tmp_path).run_once()
    stream = Stream(server)
    Repo(tmp_path).get_run(run.hash).name = "renamed"
    Indexer(tmp_path).run_once()
    wait_until(lambda: stream.heard(run.hash))


def test_an_edit_over_the_api_is_told_at_once_to_everybody(server, tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
    streams = [Stream(server) for _ in range(2)]
    server.post("/api/edit", {"runs": [run.hash], "add_tags": ["good"]})
    for stream in streams:
        wait_until(lambda stream=stream: stream.heard(run.hash))


def test_a_listener_that_takes_nothing_holds_nobody_up(server, tmp_path):
    slow = server.connected()
    with slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.sendall(f"GET /api/live HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        stream = Stream(server)
        for number in range(30):
            runs = [f"{number:04d}{other:060d}" for other in range(MOST_NEWS)]
            server.application.live._tell(News(number, 0, dict.fromkeys(runs)))
        with Writer(tmp_path) as writer:
            wait_until(lambda: stream.heard(writer.hash))


def test_changes_that_were_not_taken_yet_become_one():
    news = News()
    for number in range(3):
        news.add(News(number, number, {f"run{number}": None, "same": None}))
    assert (news.generation, news.active, list(news.runs)) == (2, 2, ["run0", "same", "run1", "run2"])
    assert not news.more
    news.add(News(3, 0, dict.fromkeys(map(str, range(MOST_NEWS)))))
    assert len(news.runs) == MOST_NEWS
    assert news.more


def test_a_comment_comes_where_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "COMMENT_SECONDS", 0.05)
    with served(tmp_path) as server:
        stream = Stream(server)
        wait_until(lambda: stream.text.count(": still here\n\n") > 2)
        assert [name for name, _ in stream.events] == ["hello"]


def test_there_are_only_so_many_listeners_and_who_leaves_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_LISTENERS", 2)
    monkeypatch.setattr(module, "COMMENT_SECONDS", 0.05)
    with served(tmp_path) as server:
        with server.http.stream("GET", "/api/live"), server.http.stream("GET", "/api/live"):
            wait_until(lambda: len(server.application.live._listeners) == 2)
            refused = server.get("/api/live")
            assert (refused.status_code, refused.json()["error"]) == (503, "BusyError")
        wait_until(lambda: not server.application.live._listeners)
        with server.http.stream("GET", "/api/live") as again:
            assert again.status_code == 200


def test_nobody_looks_while_nobody_listens(server):
    with server.http.stream("GET", "/api/live"):
        wait_until(lambda: server.application.live._watching is not None)
    wait_until(server.application.live._watching.done)


def test_the_streams_end_when_the_server_does(tmp_path):
    with served(tmp_path) as server:
        streams = [Stream(server) for _ in range(3)]
    wait_until(lambda: all(stream.is_over for stream in streams))


def test_head_ends_at_once(server):
    reply = server.asked("/api/live", method="HEAD")
    assert reply.startswith(b"HTTP/1.1 200")
    assert b"hello" not in reply


# -- the lookout -----------------------------------------------------------------------------------------


def test_the_first_look_finds_nothing_new_and_each_change_is_found_once(tmp_path):
    layout = new_repo(tmp_path)
    journal = Journal(layout, hash_of(1), 1)
    journal.event("open")
    lookout = Lookout(layout)
    assert lookout.look() is None
    assert lookout.look() is None
    journal.event("set", key=["a"], value=1)
    assert list(lookout.look().runs) == [hash_of(1)]
    assert lookout.look() is None


def test_runs_in_a_new_state_file_are_found_and_of_too_many_it_is_said_that_there_are_others(tmp_path):
    layout = new_repo(tmp_path)
    lookout = Lookout(layout)
    lookout.look()
    for number in range(3):
        write_run(layout, number, hint=False)
    Indexer(tmp_path).run_once(full=True)
    found = lookout.look()
    assert {hash_of(number) for number in range(3)} <= found.runs.keys()
    assert (found.generation, found.more) == (1, False)


def test_a_heart_that_stands_still_does_not_count_as_active(tmp_path):
    layout = new_repo(tmp_path)
    journal = Journal(layout, hash_of(1), 1)
    lookout = Lookout(layout)
    lookout.look()
    assert lookout.active == 1
    os.utime(journal.hint, (0, 0))
    fresh = Lookout(layout)
    fresh.look()
    assert fresh.active == 0
    os.utime(journal.hint)
    assert fresh.look().active == 1


def test_an_edit_is_no_running_run(tmp_path):
    layout = new_repo(tmp_path)
    crashed, edited = Journal(layout, hash_of(1), 1), Journal(layout, hash_of(2), 1, hint=False)
    os.utime(crashed.hint, (0, 0))
    lookout = Lookout(layout)
    lookout.look()
    for number, run in enumerate((crashed, edited), 2):
        Journal(layout, run.run, number, kind="edit").event("tag", name="seen", on=True)
    assert set(lookout.look().runs) == {hash_of(1), hash_of(2)}
    assert lookout.active == 0
    begun = Journal(layout, hash_of(2), 9)
    assert lookout.look().active == 1
    os.unlink(begun.hint)
    assert lookout.look().active == 0


def test_a_run_that_has_ended_is_not_active_though_nobody_has_indexed_it(tmp_path):
    layout = new_repo(tmp_path)
    ended, going = Journal(layout, hash_of(1), 1), Journal(layout, hash_of(2), 1)
    ended.end()
    lookout = Lookout(layout)
    lookout.look()
    assert lookout.active == 1
    going.track(1.0, step=0)
    lookout.look()
    assert lookout.active == 1
    going.end()
    assert lookout.look().active == 0


def test_a_writer_counts_once_its_log_says_what_it_is(tmp_path):
    layout = new_repo(tmp_path)
    hint = Path(layout.hint_path(hash_of(1), writer_id(1)))
    hint.touch()
    lookout = Lookout(layout)
    lookout.look()
    assert lookout.active == 0
    Journal(layout, hash_of(1), 1)
    assert lookout.look().active == 1


def test_archiving_over_the_api_makes_no_run_active(server, tmp_path):
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
    Indexer(tmp_path).run_once()
    assert server.post("/api/edit", {"runs": [run.hash], "set": {"archived": True}}).json()["done"] == [
        run.hash
    ]
    note = server.post(f"/api/runs/{run.hash}/notes", {"text": "good"})
    view = server.post("/api/views", {"name": "all", "address": "/runs"})
    assert (note.status_code, view.status_code) == (200, 200)
    assert list((tmp_path / ".runstone" / "live").iterdir())
    assert server.get("/api/project").json()["active"] == 0


def test_a_server_without_listeners_says_what_is_so_in_project(server, tmp_path):
    before = server.get("/api/project").json()
    assert (before["runs"], before["generation"], before["active"]) == (None, None, 0)
    with Run(repo=tmp_path, **QUIET) as run:
        run.track(1.0, name="loss")
        assert server.get("/api/project").json()["active"] == 1
    Indexer(tmp_path).run_once()
    after = server.get("/api/project").json()
    assert (after["runs"], after["generation"], after["active"]) == (1, 1, 0)
    assert after["name"] == tmp_path.name
