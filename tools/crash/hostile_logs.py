"""Hostile logs: lines, and how they follow each other."""

# ruff: noqa: E501 - tables of bytes are read by the row

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile_place import HEADER, HOSTILE, ODD_NAME, WRITER, Chain, Place
from hostile_table import Table

GIGABYTE = 1 << 30
LOGS = Table()
kind = LOGS.kind


def lines_kind(name: str, *bodies: bytes, quiet: bool = False) -> None:
    """Register a log with some lines whose checksums are right."""

    def make(place: Place) -> None:
        chain = Chain(place.log())
        chain.sequence()
        for body in bodies:
            chain.line(body)
        chain.line(b"[0,1,0.5,9000,")
        chain.end()

    kind(name, quiet=quiet)(make)


@kind("a line of 1 GB")
def _(place: Place) -> None:
    path = place.log()
    chain = Chain(path)
    chain.end()
    with path.open("ab") as file:
        file.write(b'{"event":"set","dt":1,"key":["x"],"value":"')
        file.seek(GIGABYTE, os.SEEK_CUR)
        file.write(b'","crc":1}\n')


@kind("1 GB without a newline")
def _(place: Place) -> None:
    path = place.log()
    Chain(path).end()
    with path.open("ab") as file:
        for _ in range(GIGABYTE // 2**24):
            file.write(b"[" * 2**24)


@kind("1 GB of zeros")
def _(place: Place) -> None:
    path = place.log()
    Chain(path).end()
    os.truncate(path, GIGABYTE)


@kind("16 MB of newlines")
def _(place: Place) -> None:
    place.log().write_bytes(b"\n" * (16 << 20))


@kind("16 MB of short lines that fit nothing")
def _(place: Place) -> None:
    place.log().write_bytes(b"[0,0,1,2,3]\n" * ((16 << 20) // 12))


for levels in (1_000, 10_000, 100_000):
    lines_kind(f"{levels:,} lists in each other", b'{"event":"set","dt":1,"key":["x"],"value":' + b"[" * levels + b"]" * levels + b',"crc":')  # fmt: skip
    lines_kind(f"{levels:,} dictionaries in each other", b'{"event":"set","dt":1,"key":["x"],"value":' + b'{"a":' * levels + b"1" + b"}" * levels + b',"crc":')  # fmt: skip
lines_kind("a key of 100,000 parts", b'{"event":"set","dt":1,"key":[' + b'"k",' * 100_000 + b'"k"],"value":1,"crc":', quiet=True)  # fmt: skip
lines_kind("a key of 400 parts", b'{"event":"set","dt":1,"key":[' + b'"k",' * 400 + b'"k"],"value":1,"crc":', quiet=True)  # fmt: skip
lines_kind("duplicate keys", b'{"event":"set","event":"tag","dt":1,"dt":2,"key":["x"],"key":["y"],"value":1,"value":2,"name":"t","on":true,"crc":', quiet=True)  # fmt: skip
lines_kind("an integer of a million digits", b"[0,0," + b"9" * 1_000_000 + b",5,")
lines_kind(
    "an integer of a million digits in hex", b'[0,0,{"$int":"0x' + b"f" * 1_000_000 + b'"},5,', quiet=True
)
lines_kind("a negative integer of a million hex digits as parameter", b'{"event":"set","dt":1,"key":["x"],"value":{"$int":"-0x' + b"f" * 1_000_000 + b'"},"crc":', quiet=True)  # fmt: skip
lines_kind("1e999", b"[0,0,1e999,5,")
lines_kind("NaN", b"[0,0,NaN,5,", b"[0,0,-Infinity,5,")
lines_kind("invalid UTF-8", b'{"event":"prop","dt":1,"name":"name","value":"\xff\xfe\xc0\x80","crc":')
lines_kind("a lone surrogate", b'{"event":"prop","dt":1,"name":"name","value":"\\ud800","crc":')
lines_kind(
    "a lone surrogate in $str",
    b'{"event":"prop","dt":1,"name":"name","value":{"$str":"7aCA"},"crc":',
    quiet=True,
)
lines_kind(
    "escape sequences in names",
    *(
        b'{"event":"%b","dt":1,%b"crc":' % (event, fields % json.dumps(ODD_NAME).encode())
        for event, fields in (
            (b"prop", b'"name":"name","value":%b,'),
            (b"prop", b'"name":"experiment","value":%b,'),
            (b"tag", b'"name":%b,"on":true,'),
            (b"set", b'"key":[%b],"value":1,'),
            (b"set", b'"key":["v"],"value":%b,'),
            (b"note", b'"id":"a1","text":%b,'),
            (b"artifact", b'"name":"a","path":%b,"size":3,'),
        )
    ),
    b'{"event":"sequence","id":7,"name":%b,"context":{%b:%b},"type":"number","crc":'
    % ((json.dumps(ODD_NAME).encode(),) * 3),
    b"[7,0,1.0,5,",
    quiet=True,
)
for number in (2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -(2**63), -(2**63) - 1, -1):
    digits = str(number).encode()
    lines_kind(f"steps of {number}", b"[0," + digits + b",1.5,5,", b"[0,3,1.5,6,", quiet=True)
    lines_kind(f"times of {number}", b"[0,0,1.5," + digits + b",", b"[0,1,1.5,6,", quiet=True)
    lines_kind(f"events at {number}", *(b'{"event":"%b","dt":%b%b,"crc":' % (event, digits, more) for event, more in ((b"open", b""), (b"tag", b',"name":"t","on":true'), (b"note", b',"id":"a1","text":"x"'), (b"progress", b',"expect":1e308,"done":false'), (b"delete", b',"on":false'), (b"end", b""))), quiet=True)  # fmt: skip
    lines_kind(f"a sequence with the number {number}", b'{"event":"sequence","id":%b,"name":"n","context":{},"type":"number","crc":' % digits, b"[" + digits + b",0,1.5,5,", quiet=True)  # fmt: skip
    lines_kind(f"{number} events dropped, an epoch and a size of as much", b'{"event":"dropped","dt":1,"count":%b,"crc":' % digits, b"[0,0,1.5,5," + digits + b",", b'{"event":"artifact","dt":1,"name":"a","path":"p","size":%b,"crc":' % digits, quiet=True)  # fmt: skip
lines_kind("a blob's name that leads out", b'{"event":"artifact","dt":1,"name":"a","path":"p","size":18,"blob":"../../../outside/secret.txt","crc":', b'{"event":"set","dt":2,"key":["image"],"value":{"$object":["image",{"caption":"","format":"png","width":1,"height":1,"mode":"L","source":"file","blob":"../../../outside/secret.txt","size":18}]},"crc":')  # fmt: skip
lines_kind("a blob of an enormous size", b'{"event":"set","dt":2,"key":["image"],"value":{"$object":["text",{"blob":"%b","size":%d}]},"crc":' % (b"ab" * 32, 2**63 - 1))  # fmt: skip
lines_kind("arrays that claim 8 TiB", b'{"event":"set","dt":1,"key":["x"],"value":{"$array":["<f8",[1099511627776],"AAAA"]},"crc":', b'{"event":"set","dt":2,"key":["y"],"value":{"$array":["|O",[1],"AAAAAAAAAAA="]},"crc":', b'{"event":"set","dt":3,"key":["z"],"value":{"$range":[0,1e18,1]},"crc":', b'{"event":"set","dt":4,"key":["w"],"value":{"$decimal":"1e999999999"},"crc":', b'{"event":"set","dt":5,"key":["v"],"value":{"$timedelta":1e300},"crc":', b'{"event":"set","dt":6,"key":["u"],"value":{"$datetime":"2020-01-01T00:00:00[../../../../outside/secret.txt]"},"crc":')  # fmt: skip


@kind("a million declarations", quiet=True)
def _(place: Place) -> None:
    chain = Chain(place.log())
    for number in range(200_000):
        for _ in range(5):
            chain.sequence(number % 1000)
    chain.line(b"[1,0,0.5,5,")
    chain.end()


@kind("a hundred thousand sequences", quiet=True)
def _(place: Place) -> None:
    chain = Chain(place.log())
    for number in range(100_000):
        chain.sequence(number, b'"s%d"' % number)
    chain.end()


@kind("the header of another run")
def _(place: Place) -> None:
    chain = Chain(place.log(), header=HEADER % (b"another", WRITER.encode()))
    chain.line(b'{"event":"prop","dt":1,"name":"name","value":"x","crc":')
    chain.end()


@kind("a run with .. in its header")
def _(place: Place) -> None:
    Chain(place.log(), header=HEADER % (b"../../../outside", WRITER.encode())).end()


@kind("a log of a later format")
def _(place: Place) -> None:
    Chain(
        place.log(), header=HEADER.replace(b'"format":2', b'"format":3') % (HOSTILE.encode(), WRITER.encode())
    ).end()


@kind("parts that send again from nowhere")
def _(place: Place) -> None:
    Chain(place.log()).end()
    for part, source in (
        (1, b"[0,9223372036854775807]"),
        (2, b"[-5,1]"),
        (3, b'["x"]'),
        (999_999, b"[999998,0]"),
    ):
        header = HEADER.replace(b'"part":0', b'"part":%d' % part).replace(
            b',"crc"', b',"from":%b,"crc"' % source
        )
        chain = Chain(place.log(part=part), header=header % (HOSTILE.encode(), WRITER.encode()))
        chain.sequence()
        chain.line(b"[0,0,1.5,5,")
        chain.end()
