"""What goes out: so much at most, to each its part, and not for ever."""

import asyncio
import sys
from pathlib import Path

from starlette.responses import Response

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET, wait_until
from runstone import Run
from runstone_ui import outgoing
from runstone_ui.outgoing import Outgoing
from runstone_writer.layout import Layout
from servers import served

MEGABYTE = 1 << 20


class Sent:
    """A client that takes a reply when it is told to."""

    def __init__(self, out, address, size):
        self.taken, self.statuses = asyncio.Event(), []
        scope = {"type": "http", "client": (address, 1), "method": "GET", "headers": []}
        self.task = asyncio.create_task(out.reply(Response(bytes(size)))(scope, self.receive, self.send))

    async def receive(self):
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])
        elif self.statuses == [200]:
            await self.taken.wait()


async def statuses(*sent):
    for _ in range(3):
        await asyncio.sleep(0)
    return [status for one in sent for status in one.statuses]


def test_one_address_cannot_fill_the_memory_nor_can_all_together(monkeypatch):
    monkeypatch.setattr(outgoing, "MOST", 4 * MEGABYTE)
    monkeypatch.setattr(outgoing, "SHARE", 3 * MEGABYTE)

    async def use():
        out = Outgoing(Layout("nowhere"))
        mine = [Sent(out, "a", MEGABYTE + 1) for _ in range(3)]
        assert await statuses(*mine) == [200, 200, 503]
        others = [Sent(out, name, MEGABYTE) for name in "bc"]
        small = Sent(out, "a", 1000)
        assert await statuses(*others, small) == [200, 503, 200]
        for one in (*mine, *others, small):
            one.taken.set()
            await one.task
        assert out.held == 0
        large = Sent(out, "a", 10 * MEGABYTE)  # it is the only one
        assert await statuses(large) == [200]
        large.task.cancel()
        await asyncio.gather(large.task, return_exceptions=True)
        assert out.held == 0

    asyncio.run(use())


def test_a_reply_that_is_not_taken_is_given_up(monkeypatch):
    monkeypatch.setattr(outgoing, "PATIENCE", 0.01)
    monkeypatch.setattr(outgoing, "SLOWEST", 1 << 40)

    async def use():
        out = Outgoing(Layout("nowhere"))
        await Sent(out, "a", MEGABYTE).task
        assert out.held == 0

    asyncio.run(use())


def test_who_takes_replies_too_slowly_is_told_to_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(outgoing, "SHARE", 10 * MEGABYTE)
    many_points(tmp_path, 50)
    with served(tmp_path) as server, server.connected() as slow:
        slow.sendall(f"GET {CURVES} HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
        wait_until(lambda: server.application._outgoing.held > 5 * MEGABYTE)
        reply = server.get(CURVES)
        assert (reply.status_code, reply.json()["error"]) == (503, "BusyError")
        assert reply.headers["retry-after"]
        assert server.get("/api/runs").status_code == 200
        slow.close()
        wait_until(lambda: server.get(CURVES).status_code == 200)


CURVES = "/api/curves?q=metric.name+!%3D+''&points=10000&limit=2000"


def many_points(repo, sequences):
    with Run(repo=repo, **QUIET) as run:
        for name in range(sequences):
            for step in range(8000):
                run.track(float(step), name=f"m{name}", step=step)
