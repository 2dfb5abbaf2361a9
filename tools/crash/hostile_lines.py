"""A fuzzer of lines whose checksums are right: every kind of event and point, with something odd in it."""

# ruff: noqa: E501 - tables of bytes are read by the row

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile_place import ODD_NAME

EVENTS: dict[str, dict[str, bytes]] = {
    "open": {},
    "sequence": {"id": b"1", "name": b'"n"', "context": b'{"a":1}', "type": b'"number"'},
    "set": {"key": b'["a","b"]', "value": b'{"x":1}'},
    "unset": {"key": b'["a"]'},
    "prop": {"name": b'"name"', "value": b'"n"'},
    "tag": {"name": b'"t"', "on": b"true"},
    "note": {"id": b'"a1"', "text": b'"t"'},
    "artifact": {
        "name": b'"a"',
        "path": b'"p"',
        "size": b"3",
        "blob": b'"' + b"ab" * 32 + b'"',
        "uri": b'"s3://x"',
        "sha256": b'"' + b"cd" * 32 + b'"',
        "error": b'"e"',
    },
    "progress": {"expect": b"5", "done": b"false"},
    "delete": {"on": b"false"},
    "dropped": {"count": b"3"},
    "resent": {},
    "end": {},
}
_DEEP = b"[" * 900 + b"]" * 900
ODD = (
    b"null", b"true", b"false", b"0", b"-1", b"1", b"1.5", b"-0.0", b"1e308", b"1e999", b"NaN", b"9223372036854775807",
    b"9223372036854775808", b"-9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"1" + b"0" * 400,
    b'""', b'"x"', b'"\\u0000"', b'"\\ud800"', b'"\xff"', b'"../../x"', b'"' + b"x" * 5000 + b'"', json.dumps(ODD_NAME).encode(),
    b"[]", b"[[]]", b"[null]", b'["a",1]', b"[1.5]", b"{}", b'{"a":{"b":[1,{"c":null}]}}', b'{"":1}', _DEEP,
    b'{"$float":"nan"}', b'{"$float":"x"}', b'{"$float":1}', b'{"$int":"0xzz"}', b'{"$int":5}', b'{"$int":"0x' + b"f" * 3000 + b'"}',
    b'{"$str":"!!"}', b'{"$str":"7aCA"}', b'{"$bytes":"AA"}', b'{"$datetime":"2020"}', b'{"$datetime":"9999-12-31T23:59:59+00:00[x/../y]"}',
    b'{"$date":"0000-00-00"}', b'{"$timedelta":1e300}', b'{"$decimal":"NaN"}', b'{"$decimal":"1e999999"}', b'{"$uuid":"x"}', b'{"$complex":[1]}',
    b'{"$range":[0,1,0]}', b'{"$range":[0,100000000000000000,1]}', b'{"$set":[[1]]}', b'{"$set":[1,1.0,true]}', b'{"$array":["<f8",[-1],""]}', b'{"$array":["O",[1],""]}',
    b'{"$dict":[[1,2],[1,3]]}', b'{"$dict":[[[1],2]]}', b'{"$dict":5}', b'{"$object":["image",{}]}', b'{"$object":["image",{"blob":"../x","size":-1}]}', b'{"$object":[1,2]}',
    b'{"$object":["text",{"data":5}]}', b'{"$object":["distribution",{"bin_count":-5,"range":[1],"dtype":"O","data":[]}]}', b'{"$blob":{"blob":"x","size":1}}', b'{"$nobody":1}', b'{"$float":"nan","x":1}',
)  # fmt: skip
SENTINEL = b'{"event":"sequence","id":999,"name":"sentinel","context":{},"type":"number","crc":'


def fuzzed(draw: random.Random) -> bytes:
    """Return a line of some kind with something odd in it, up to where its CRC's digits go."""
    if draw.random() < 0.3:
        row = [b"1", b"0", b"0.5", b"100"] + ([b"1"] if draw.random() < 0.3 else [])
        for _ in range(draw.choice((1, 1, 2))):
            row[draw.randrange(len(row))] = draw.choice(ODD)
        if draw.random() < 0.1:
            row = row[: draw.randrange(1, len(row))] or row
        return b"[" + b",".join(row) + b","
    event = draw.choice(list(EVENTS))
    fields = {"dt": b"%d" % draw.randrange(1000), **EVENTS[event]}
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        name = draw.choice(list(fields) or ["dt"])
        if draw.random() < 0.1:
            fields.pop(name, None)
        elif not (event == "delete" and name == "on"):
            fields[name] = draw.choice(ODD)
    if event == "delete":
        fields["on"] = draw.choice((b"false", b'"x"', b"null", b"1"))
    name = b'"%b"' % event.encode() if draw.random() < 0.95 else draw.choice(ODD)
    return (
        b'{"event":%b,' % name
        + b"".join(b'"%b":%b,' % (k.encode(), v) for k, v in fields.items())
        + b'"crc":'
    )
