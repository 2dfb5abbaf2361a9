"""`runstone tail`: what a run logs, as it logs it."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from typing import Any

import click

from runstone_indexer.summary import from_json
from runstone_writer import messages
from runstone_writer.errors import RunstoneError
from runstone_writer.layout import Layout, log_order
from runstone_writer.media.objects import restore, restore_point
from runstone_writer.reader import START, Batch, Position, read_log
from runstone_writer.replay import MALFORMED
from runstone_writer.state import LATEST, RunState, WriterState
from runstone_writer.tracked import NUMBER, TERMINAL
from runstone_writer.values import Marks, decode, show_key

from .hashes import find_hash
from .options import json_option, layout_of, repo_option
from .output import note, print_json
from .text import printable, show, show_path, show_time

POLL_SECONDS = 0.2
SHOWN = 3  # of the objects that are one point; --json has all
CHUNK_BYTES = 256 * 1024  # read of each log at a time, so that the first lines come at once


@click.command()
@click.argument("run_hash", metavar="RUN")
@repo_option
@click.option("--follow/--no-follow", default=True, help="Wait for more until Ctrl-C.")
@json_option
def tail(run_hash: str, repo: str | None, follow: bool, as_json: bool) -> None:
    """Print what a run logs, from the beginning, as it logs it.

    Events of several writers come in the order of time.

    \b
    Examples:
      runstone tail 3f2a9c | grep val_loss
      runstone tail 3f2a9c --no-follow --json > events.jsonl
    """
    layout = layout_of(repo)
    logs = _Logs(layout, find_hash(layout, run_hash))
    try:
        while True:
            for event in logs.new_events():
                print_json(event) if as_json else _print_line(event, layout)
            if not follow:
                return
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return


def _print_line(event: Event, layout: Layout) -> None:
    try:
        click.echo(_line(event, layout))
    except MALFORMED as error:
        note(f"malformed {event['event']!r:.80} event: {error!r:.200}")


Event = dict[str, Any]


class _Logs:
    """The logs of one run, read on from call to call."""

    def __init__(self, layout: Layout, run: str) -> None:
        self._layout = layout
        self._run = run
        self._state = RunState(run)
        self._positions: dict[str, Position] = {}
        self._last: dict[str, list[Event]] = {}  # by writer: what was printed of the newest moment
        self._noted: set[str] = set()

    def new_events(self) -> Iterator[Event]:
        """Yield what has been added to all logs since the last call, in the order of time."""
        logs: dict[str, list[str]] = {}
        for name in sorted(self._layout.log_names(self._run), key=log_order):
            logs.setdefault(log_order(name)[0], []).append(name)
        streams = [self._events_of(writer, names) for writer, names in logs.items()]
        return heapq.merge(*streams, key=_time)

    def _events_of(self, writer: str, names: list[str]) -> Iterator[Event]:
        for part, name in enumerate(names):
            more = True
            while more:
                batch = self._read(name)
                more = batch.more
                events = sorted(self._translated(self._state.writer(writer), batch, name), key=_time)
                yield from self._not_yet_seen(writer, events) if part else events
                if events:
                    newest = events[-1]["time"]
                    self._last[writer] = [event for event in events if event["time"] == newest]

    def _read(self, name: str) -> Batch:
        path = self._layout.log_path(self._run, name)
        try:
            batch = read_log(path, self._positions.get(name, START), chunk=CHUNK_BYTES)
        except (OSError, RunstoneError) as error:  # the other logs go on
            self._note(f"{show_path(path)}: {getattr(error, 'strerror', None) or error}")
            return Batch()
        for damage in batch.damage:
            self._note(f"{show_path(path)}: {damage.reason}, bytes {damage.start} to {damage.end}")
        self._positions[name] = batch.position
        return batch

    def _not_yet_seen(self, writer: str, events: list[Event]) -> Iterator[Event]:
        """A part begins with lines of the part before it, which was given up; time never runs backwards."""
        seen = self._last.get(writer, [])
        newest = seen[0]["time"] if seen else 0.0
        return (event for event in events if event["time"] >= newest and event not in seen)

    def _translated(self, writer: WriterState, batch: Batch, name: str) -> Iterator[Event]:
        for event in batch.events:
            kind = event.get("event")
            if kind == "log":
                continue
            try:
                self._state.apply(writer, event)
            except MALFORMED as error:
                self._note(f"{name}: malformed {kind!r:.80} event: {error!r:.200}")
                continue
            if kind != "sequence":
                fields = {key: value for key, value in event.items() if key not in ("event", "dt", "crc")}
                time = (writer.base + event.get("dt", 0)) / 1e6
                yield {"time": time, "writer": writer.writer, "event": kind, **fields}
        waiting, writer.orphans = writer.orphans, []
        for row in waiting + batch.points:
            try:
                yield self._point(writer, row)
            except KeyError:  # its sequence's declaration is damaged: it comes once more
                writer.orphans.append(row)
            except MALFORMED:
                self._note(f"{name}: malformed point {row!r}")

    def _point(self, writer: WriterState, row: list[Any]) -> Event:
        sequence = self._state.sequences[writer.declared[row[0]]]
        time = writer.base + row[3]
        if not 0 <= time <= LATEST:
            raise ValueError("a time that is none")
        return {
            "time": time / 1e6,
            "writer": writer.writer,
            "event": "point",
            "name": sequence.name,
            "context": decode(sequence.context),
            "type": sequence.kind,
            "step": row[1],
            "value": from_json(row[2]),
            "epoch": row[4] if len(row) > 5 else None,
        }

    def _note(self, what: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            note(what)


def _time(event: Event) -> float:
    time: float = event["time"]
    return time


def _line(event: Event, layout: Layout) -> str:
    match event["event"]:
        case "point" if event["name"] == messages.NAME:
            record = event["value"]
            args = ", ".join(f"{key}={value!r}" for key, value in decode(record["args"]).items())
            text = f"{record['level']}: {decode(record['message'])}{f' ({args})' if args else ''}"
        case "point":
            context = ",".join(f"{key}={value}" for key, value in event["context"].items())
            text = f"{event['name']}{{{context}}} step {event['step']} = {_value(event, layout)}"
        case "set":
            marks: Marks = {}
            value = decode(event["value"], marks)
            text = f"{show_key(tuple(event['key']))} = {restore(layout, value, marks)!r}"
        case "unset":
            text = f"{show_key(tuple(event['key']))} deleted"
        case "prop":
            text = f"{event['name']} is {decode(event['value'])!r}"
        case "tag":
            text = f"tag {event['name']!r} {'added' if event['on'] else 'removed'}"
        case "note" | "artifact" | "progress":
            text = _said(event)
        case "delete":
            text = "deleted" if event["on"] else "restored"
        case "dropped":
            text = f"{event['count']:,} events dropped: the storage refused them for too long"
        case kind:
            text = str(kind)
    return printable(f"{show_time(event['time'])}  {text}")


def _value(event: Event, layout: Layout) -> str:
    """The value of a point; an object by what is known of it, of many only the first ones."""
    if event["type"] in (NUMBER, TERMINAL):
        return show(event["value"])
    value = restore_point(layout, event["type"], event["value"])
    if not isinstance(value, list):
        return repr(value)
    rest = f", and {len(value) - SHOWN:,} more" if len(value) > SHOWN else ""
    return f"[{', '.join(map(repr, value[:SHOWN]))}{rest}]"


def _said(event: Event) -> str:
    match event["event"]:
        case "note":
            return "note removed" if event["text"] is None else f"note: {decode(event['text'])}"
        case "artifact" if "error" in event:
            return f"artifact {event['name']!r} was not stored: {event['error']}"
        case "artifact":
            return f"artifact {event['name']!r} stored, {event['size']:,} bytes"
    if event["done"]:
        return "reports that it is done"
    return "reports progress" + (f", and again within {event['expect']} seconds" if event["expect"] else "")
