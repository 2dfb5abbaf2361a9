"""What one client leaves undone, or asks too much of, keeps no other from its answers."""

import contextlib
import resource
import select
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import DEADLINE_SECONDS, wait_until
from runstone_ui import connection, gate
from runstone_writer.layout import open_repo
from servers import Up, received, served, status_of

HEAD = (
    "POST /api/edit HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


@pytest.fixture
def short(monkeypatch):
    """Patience of a moment."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.2)


@pytest.mark.parametrize("data", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_request_that_is_never_complete_is_given_up(tmp_path, short, data):
    with served(tmp_path) as server, server.connected() as slow:
        slow.sendall(data)
        assert received(slow) == b""


def test_one_that_comes_a_byte_at_a_time_is_given_up_too(tmp_path, short):
    with served(tmp_path) as server, server.connected() as slow, contextlib.suppress(OSError):
        deadline = time.monotonic() + DEADLINE_SECONDS
        for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000_000:
            slow.sendall(bytes([byte]))
            if select.select([slow], [], [], 0.005)[0]:  # there is a reply, or the end
                assert received(slow) == b""
                return
            assert time.monotonic() < deadline
        pytest.fail("it was never given up")


def test_a_connection_that_is_kept_open_is_not_kept_for_ever(tmp_path, short):
    with served(tmp_path) as server, server.connected() as idle:
        idle.sendall(f"GET /api/openapi.json HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        assert status_of(received(idle)) == 200


def test_a_body_that_does_not_come_is_answered_and_given_up(tmp_path, short):
    with served(tmp_path) as server, server.connected() as slow:
        slow.sendall(HEAD.format(host=server.host).encode() + b'{"runs"')
        reply = received(slow)
        assert status_of(reply) == 408
        assert b"SlowRequestError" in reply


def test_a_body_that_nobody_wants_does_not_keep_the_connection_open(tmp_path, short):
    with served(tmp_path) as server, server.connected() as slow:
        slow.sendall(HEAD.format(host="evil.example").encode() + b"x")
        assert status_of(received(slow)) == 421


def test_where_there_are_too_many_connections_the_one_that_is_waited_for_longest_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "MANY_CONNECTIONS", 5)
    monkeypatch.setattr(connection, "SECONDS_TO_SPEAK", 0.0)
    with served(tmp_path) as server, contextlib.ExitStack() as held:
        rest = f"ET /api/openapi.json HTTP/1.1\r\nHost: {server.host}\r\nConnection: close\r\n\r\n".encode()
        kept = []
        for start in (b"G", HEAD.format(host=server.host).encode() + b"{", b"", b"G", b"G"):
            kept.append(held.enter_context(server.connected()))
            kept[-1].sendall(start)
        assert status_of(server.asked("/api/openapi.json")) == 200
        assert received(kept[0]) == b""
        assert [status_of(server.asked("/api/openapi.json")) for _ in range(2)] == [200] * 2
        kept[4].sendall(rest)
        assert status_of(received(kept[4])) == 200


def test_connections_that_wait_for_us_are_not_ended_for_new_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "MANY_CONNECTIONS", 5)
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 5)
    with served(tmp_path) as server:
        with contextlib.ExitStack() as held:
            kept = [held.enter_context(server.connected()) for _ in range(5)]
            for one in kept:
                one.sendall(f"GET /api/live HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
            assert {status_of(one.recv(1 << 16)) for one in kept} == {200}
            assert is_turned_away(server)
        wait_until(lambda: not is_turned_away(server))


def is_turned_away(server):
    try:
        return server.asked("/api/openapi.json") == b""
    except OSError:
        return True


def test_who_does_not_take_a_reply_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "SEND_SECONDS", 1.0)
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>")
    (page / "large.txt").write_bytes(bytes(40_000_000))
    with served(tmp_path / "repo", page=str(page)) as server, server.connected() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f"GET /large.txt HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        assert status_of(slow.recv(100)) == 200
        process = psutil.Process()
        assert [c for c in process.net_connections("tcp") if is_of(c, server, slow)]
        wait_until(lambda: not [c for c in process.net_connections("tcp") if is_of(c, server, slow)])


def is_of(found, server, client):
    """Whether this is the server's end of a connection."""
    ours = found.laddr and found.laddr.port == server.settings.port and found.raddr
    return bool(ours) and found.raddr.port == client.getsockname()[1] and found.status == "ESTABLISHED"


def test_four_hundred_clients_that_say_nothing_keep_nobody_from_an_answer(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with served(tmp_path) as server, contextlib.ExitStack() as held:
            for _ in range(400):
                one = held.enter_context(server.connected())
                one.sendall(b"GET / HTTP/1.1\r\nHost: ")
            assert server.get("/api/project").status_code == 200
            assert server.get("/api/runs").status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_gigabyte_that_is_sent_all_the_same_is_not_kept(tmp_path):
    with Up(tmp_path_with_repo(tmp_path), tmp_path / "log", "--port", "0", "--no-index") as up:
        port = int(up.said()["address"].rstrip("/").rpartition(":")[2])
        process = psutil.Process(up.process.pid)
        before = process.memory_info().rss
        sent = flood(port, 1 << 30)
        assert sent < 1 << 30
        assert process.memory_info().rss - before < 64 << 20
        assert up.end() == 0


def tmp_path_with_repo(tmp_path):
    open_repo(tmp_path / "repo", create=True)
    return tmp_path / "repo"


def flood(port, size):
    """Send a body of that size; return how much of it was taken before the server hung up."""
    head = HEAD.format(host=f"127.0.0.1:{port}").replace("100", str(size)).encode()
    sent = 0
    with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as one, contextlib.suppress(OSError):
        one.sendall(head)
        while sent < size:
            sent += one.send(bytes(1 << 20))
    return sent
