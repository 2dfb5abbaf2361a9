"""An assailant: a process that asks too much of a server in one way, until it is told to stop, and says what came back.

    python assailant.py ATTACK PORT TOKEN SECONDS ORDERS

It prints the statuses of the replies, and how often a connection ended without one, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import random
import socket
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests"))

from hostile_corpus import EXHAUSTING

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter

GIGABYTE = 1 << 30
SOURCE = "127.0.0.2"  # where the assailant is, so that somebody could tell it from others


class Assault:
    """What all ways of asking too much have in common: where, for how long, and what came of it."""

    def __init__(self, port: int, token: str, seconds: float, orders: dict[str, Any]) -> None:
        self.port, self.token, self.orders = port, token, orders
        self.seconds, self.ends = seconds, 0.0
        self.came: Counter[str] = Counter()
        self.dice = random.Random(orders.get("seed", 1))

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.ends

    def head(self, target: str, *lines: str, method: str = "GET") -> bytes:
        host = f"Host: 127.0.0.1:{self.port}"
        told = [f"Authorization: Bearer {self.token}"] if self.token else []
        return "\r\n".join([f"{method} {target} HTTP/1.1", host, *told, *lines, "", ""]).encode()

    async def opened(self, small: bool = False) -> tuple[Reader, Writer]:
        connection = socket.socket()
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.bind((SOURCE, 0))
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
            return await asyncio.open_connection(sock=connection, limit=1 << 16)
        except BaseException:
            connection.close()
            raise

    async def asked(self, *pieces: bytes, reads: bool = True) -> None:
        """Send a request and take the reply."""
        try:
            reader, writer = await self.opened()
        except OSError:
            self.came["not let in"] += 1
            await asyncio.sleep(0.05)
            return
        line = asyncio.ensure_future(reader.readline())  # before all is sent: then the reply may be lost
        try:
            async with asyncio.timeout(max(self.ends - time.monotonic(), 0.1) + 15):
                for piece in pieces:
                    if line.done():
                        break
                    writer.write(piece)
                    await writer.drain()
                first = await line
                self.count(first)
                while reads and first and await reader.read(1 << 16):
                    pass
        except (OSError, TimeoutError):
            self.came["cut off"] += not (line.done() and not line.cancelled() and not line.exception())
        finally:
            line.cancel()
            writer.transport.abort()

    async def again(self, many: int, what: Callable[[], Awaitable[None]]) -> None:
        """Do something over and over, so many at a time."""

        async def one() -> None:
            while self.goes_on:
                await what()

        self.ends = time.monotonic() + self.seconds
        await asyncio.gather(*(one() for _ in range(many)))

    async def hold(self, many: int, use: Callable[[Reader, Writer], Awaitable[None]], *, small: bool) -> None:
        """Do something on one connection after another, so many at a time."""

        async def one() -> None:
            try:
                reader, writer = await self.opened(small)
            except OSError:
                self.came["not let in"] += 1
                await asyncio.sleep(0.1)
                return
            try:
                await use(reader, writer)
            except OSError:  # or it took too long
                self.came["cut off"] += 1
            finally:
                writer.transport.abort()

        await self.again(many, one)

    def count(self, line: bytes) -> None:
        """Take down what the first line of a reply says, if there is one."""
        self.came[line.split()[1].decode() if line else "cut off"] += 1

    def get(self, path: str, *lines: str, **parameters: Any) -> bytes:
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self.head(f"/api/{path}{query}", "Connection: close", *lines)

    def post(self, path: str, body: bytes, *lines: str, kind: str = "application/json") -> bytes:
        about = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *lines)
        return self.head(f"/api/{path}", *about, method="POST") + body


async def nothing(a: Assault) -> None:
    """For comparison: nobody asks but the other client."""
    await asyncio.sleep(a.seconds)


async def bodies(a: Assault) -> None:
    """A gigabyte: announced, and in pieces of which nobody knows the number."""
    announced = a.head(
        "/api/edit", "Content-Type: application/json", f"Content-Length: {GIGABYTE}", method="POST"
    )
    pieces = a.head(
        "/api/edit", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST"
    )
    megabyte = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"

    async def one() -> None:
        if a.dice.random() < 0.5:
            await a.asked(announced, *([b" " * (1 << 20)] * 1024))
        else:
            await a.asked(pieces, *([megabyte] * 1024))

    await a.again(8, one)


async def series(a: Assault) -> None:
    """A million series, and all that there are, with as much of each as is given."""
    asks = [
        a.get("curves", q="metric.name != ''", limit=1_000_000),
        a.get("curves", q="metric.name != ''", points=1_000_000),
        a.get("curves", q="metric.name != ''", limit=10_000, points=10_000, smooth=0.9),
        a.get("curves", q="metric.name != ''", limit=2000, points=10_000, attribute=["run.hparams"] * 100),
        a.get("media", kind="images", limit=1000, density=1000, attribute=["run.hparams"] * 100),
        a.get("runs", limit=10_000, column=["run.hparams", "run.name"] * 50),
        a.get("export", format="csv"),
        a.post("edit", json.dumps({"runs": [f"x{n}" for n in range(90_000)], "deleted": True}).encode()),
    ]
    await a.again(8, lambda: a.asked(a.dice.choice(asks)))


async def bombs(a: Assault) -> None:
    """What is small and becomes large: packed 24 and 1,000 times, deep, long, wide."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", bytes(100 << 20))
    digits = b"7" * 100_000
    found = [
        a.post("edit", gzip.compress(bytes(100 << 20)), "Content-Encoding: gzip"),
        a.post("edit", gzip.compress(b"[" * (24 << 15)), "Content-Encoding: deflate"),
        a.post("edit", packed.getvalue(), kind="application/zip"),
        a.post("edit", packed.getvalue()),
        a.post("edit", b"[" * 1_000_000),
        a.post("edit", b'{"runs":' * 100_000),
        a.post("edit", b'{"runs":[' + b",".join([b'"x"'] * 250_000) + b"]}"),
        a.post("edit", b'{"runs":[' + b"9" * 1_000_000 + b"]}"),
        a.post("edit", b'{"runs":["a"],"set":{"name":' + digits + b"}}"),
        a.post("edit", b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b"}"),
        a.post("views", json.dumps({"name": "\\u0000" * 170_000, "address": "/"}).encode()),
    ]
    await a.again(4, lambda: a.asked(a.dice.choice(found)))


async def ranges(a: Assault) -> None:
    """Ten thousand ranges of a large blob."""
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(8_000))
    same = "bytes=" + ",".join(["0-"] * 10_000)
    blob = f"blobs/{a.orders['blob']}"
    asks = [
        a.get(blob, f"Range: {text}")
        for text in (many, same, "bytes=-1", "bytes=0-0", "bytes=" + "9" * 60_000)
    ]
    await a.again(8, lambda: a.asked(a.dice.choice(asks)))


async def drips(a: Assault) -> None:
    """Five hundred requests that come a byte at a time, their heads or their bodies, and again when they are ended."""
    body = a.head("/api/edit", "Content-Type: application/json", "Content-Length: 100000", method="POST")

    async def drip(reader: Reader, writer: Writer) -> None:
        start = body if a.dice.random() < 0.3 else a.head("/api/project").rstrip() + b"\r\nX: "
        reply = asyncio.ensure_future(reader.readline())
        try:
            writer.write(start)
            while a.goes_on and not reply.done():
                writer.write(b"x")
                await asyncio.wait({reply}, timeout=0.5)
            a.count(reply.result() if reply.done() else b"")
        finally:
            reply.cancel()

    await a.hold(500, drip, small=False)


async def readers(a: Assault) -> None:
    """Large replies that are not taken, or a little at a time: curves, tables, files, a blob."""
    asks = [
        a.get("curves", q="metric.name != ''", limit=2000, points=10_000),
        a.get("export", format="json"),
        a.get("runs", limit=10_000, column=["run.hparams"] * 20),
        a.get(f"blobs/{a.orders['blob']}"),
    ]

    async def read(reader: Reader, writer: Writer) -> None:
        writer.write(a.dice.choice(asks))
        try:
            async with asyncio.timeout(max(a.ends - time.monotonic(), 0.1)):
                line = await reader.readline()
                a.count(line)
                while line and await reader.read(512):
                    await asyncio.sleep(0.5)
        except TimeoutError:
            a.came["held to the end"] += 1

    await a.hold(300, read, small=True)


async def listeners(a: Assault) -> None:
    """Five hundred who listen, most of them without taking what they are told."""

    async def listen(reader: Reader, writer: Writer) -> None:
        writer.write(a.get("live"))
        line = await asyncio.wait_for(reader.readline(), 30)
        a.count(line)
        if b"200" in line:
            await asyncio.sleep(max(a.ends - time.monotonic(), 0))
        await asyncio.sleep(0.2)

    await a.hold(500, listen, small=True)


async def queries(a: Assault) -> None:
    """Questions that mean harm, eight at a time."""
    own = (
        "run.name.matches('(a+)+$')",
        "'a' * 10**9 in run.name",
        "10**10**10",
        "run.hparams.lr == 10**10**9",
    )
    texts = [text for text in (*EXHAUSTING, *own) if len(text) <= 4096]

    async def one() -> None:
        text = a.dice.choice(texts)
        path, name = a.dice.choice(
            [("runs", "q"), ("runs", "column"), ("groups", "by"), ("runs", "order_by")]
        )
        await a.asked(a.get(path, **{name: text}))

    await a.again(8, one)


async def crowds(a: Assault) -> None:
    """Two hundred who ask at once, again and again, what takes a while."""
    asks = [
        a.get("runs", q="any(x > 2 for x in [v for v in range(3000)])"),
        a.get("runs", q="metric.name != ''"),
        a.get("curves", q="metric.last > -1", limit=200, points=600),
        a.get("groups", by="run.hparams.lr * run.seed"),
        a.get("names"),
    ]
    await a.again(200, lambda: a.asked(a.dice.choice(asks)))


async def knocks(a: Assault) -> None:
    """Connections that come and go, without a word or with nonsense."""

    async def one() -> None:
        try:
            _, writer = await a.opened()
        except OSError:
            a.came["not let in"] += 1
            return
        with contextlib.suppress(OSError):
            writer.write(
                a.dice.choice([b"", b"\x16\x03\x01\r\n\r\n", b"GET", a.head("*"), a.dice.randbytes(300)])
            )
            await writer.drain()
        a.came["gone"] += 1
        writer.transport.abort()

    await a.again(50, one)


ATTACKS = {
    found.__name__: found
    for found in (nothing, bodies, series, bombs, ranges, drips, readers, listeners, queries, crowds, knocks)
}


def main() -> None:
    name, port, token, seconds, orders = sys.argv[1:6]
    assault = Assault(int(port), token, float(seconds), json.loads(orders))
    asyncio.run(ATTACKS[name](assault))
    print(json.dumps(assault.came))


if __name__ == "__main__":
    main()
