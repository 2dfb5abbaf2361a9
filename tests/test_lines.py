"""The chain of CRCs: nothing that is damaged passes for what was written, and damage costs little."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from runstone_writer.lines import encode_event, encode_point, frame, holds, sift, whole_chunk_holds
from runstone_writer.reader import Position, parse

GOLDEN = (Path(__file__).parent / "golden/log-v1.jsonl").read_bytes()


def log_of(count: int) -> bytes:
    crc, data = 0, b""
    for step in range(count):
        body = encode_point(0, step, step / 7, step * 11, None)
        if step % 10 == 0:
            body = encode_event({"event": "set", "dt": step, "key": ["k"], "value": "text " * 3}, "")
        line, crc = frame(body, crc)
        data += line
    return data


def records(data: bytes) -> list[bytes]:
    return [orjson.dumps(row) for row in (lambda b: b.events + b.points)(parse(data, Position()))]


def test_every_single_bit_that_flips_is_noticed_and_costs_at_most_two_records() -> None:
    truth = set(records(GOLDEN))
    for bit in range(len(GOLDEN) * 8):
        damaged = bytearray(GOLDEN)
        damaged[bit // 8] ^= 1 << bit % 8
        batch = parse(bytes(damaged[: damaged.rfind(b"\n") + 1]), Position())
        found = [orjson.dumps(row) for row in batch.events + batch.points]
        assert set(found) <= truth, f"bit {bit} was read as something else"
        tail = len(GOLDEN) - batch.position.offset
        assert len(found) >= len(truth) - 2, f"bit {bit} cost more than two records"
        assert batch.damage or tail, f"bit {bit} was not reported"


def test_every_truncation_leaves_a_prefix() -> None:
    rows = [orjson.loads(line) for line in GOLDEN.splitlines()]
    for size in range(len(GOLDEN)):
        kept = GOLDEN[:size]
        batch = parse(kept[: kept.rfind(b"\n") + 1], Position())
        assert batch.damage == []
        whole = kept.count(b"\n")
        assert batch.events + batch.points == [r for r in rows[:whole] if isinstance(r, dict)] + [
            r for r in rows[:whole] if isinstance(r, list)
        ]


@pytest.mark.parametrize("what", ["zeros", "missing", "exchanged", "doubled", "garbage"])
def test_damage_in_the_middle_is_told_with_its_place_and_the_rest_is_read(what: str) -> None:
    lines = log_of(100).splitlines(keepends=True)
    start = sum(map(len, lines[:40]))
    damaged = list(lines)
    if what == "zeros":
        damaged[40:44] = [bytes(sum(map(len, lines[40:44])))]
    elif what == "missing":
        del damaged[40]
    elif what == "exchanged":
        damaged[40], damaged[41] = damaged[41], damaged[40]
    elif what == "doubled":
        damaged.insert(40, damaged[39])
    else:
        damaged.insert(40, b"\x00\xffgarbage\n[1,2,3]\n{}\n")
    data = b"".join(damaged)
    numbered, _, _, damage = sift(data, 0, 1000)
    kept = [line for _, line in numbered]
    assert set(kept) <= set(lines)
    assert all(data[offset - 1000 :].startswith(line) for offset, line in numbered)
    assert len(kept) >= 100 - 5
    assert kept[-1] == lines[-1]
    assert damage
    assert damage[0].start == 1000 + start
    assert damage[0].end > damage[0].start


@pytest.mark.parametrize("first", [0, 3, 40, 96])
@pytest.mark.parametrize("at_once", [True, False])
def test_lines_that_stand_twice_count_once(first: int, at_once: bool) -> None:
    lines = log_of(100).splitlines(keepends=True)
    cut = len(lines[first]) // 2
    sector = b"".join(lines[first : first + 4])[cut:-5]  # as sectors do, it begins and ends within lines
    data = b"".join(lines)
    place = data.index(sector) + len(sector)
    damaged = data[:place] + sector + data[place:]
    kept: list[bytes] = []
    position, chain, told = 0, 0, 0
    while True:
        end = len(damaged) if at_once else damaged.find(b"\n", place + len(sector)) + 1
        rest = damaged[position : end if position < end else len(damaged)]
        found, done, after, damage = sift(rest, chain, position, damaged[:position])
        kept += [line for _, line in found]
        told += len(damage)
        if not done:
            break
        assert after is not None
        position, chain = position + done, after
    assert kept == [line for line in lines if line in set(kept)]
    assert len(kept) >= 98
    assert told


def test_a_tail_that_does_not_fit_is_left_for_later() -> None:
    data = log_of(20)
    last = data[data.rfind(b"\n", 0, -1) + 1 :]
    torn = data[: -len(last)] + last.replace(b"1", b"2", 1)
    kept, done, _, damage = sift(torn, 0, 0)
    assert (len(kept), done, damage) == (19, len(data) - len(last), [])


def test_one_crc_proves_a_whole_chunk_and_any_position_can_be_gone_on_from() -> None:
    data = log_of(50)
    assert whole_chunk_holds(data, 0)
    half = data.find(b"\n", len(data) // 2) + 1
    first = parse(data[:half], Position())
    second = parse(data[half:], first.position)
    whole = parse(data, Position())
    assert first.points + second.points == whole.points
    assert not whole_chunk_holds(data[half:], 0)
    assert holds(data[: data.find(b"\n") + 1], 0)
