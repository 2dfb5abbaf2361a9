"""`runstone tail`: what a run logs, as it logs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from runstone_indexer.summary import from_json
from runstone_writer.errors import MissingRunError
from runstone_writer.layout import Layout, is_safe_hash, log_order, parse_log_name
from runstone_writer.reader import START, Position, read_log
from runstone_writer.state import RunState
from runstone_writer.values import decode, show_key

from .options import json_option, layout_of, repo_option
from .output import print_json, printable, show_time

POLL_SECONDS = 0.2


@click.command()
@click.argument("run_hash")
@repo_option
@click.option("--follow/--no-follow", default=True, help="Wait for more until Ctrl-C.")
@json_option
def tail(run_hash: str, repo: str | None, follow: bool, as_json: bool) -> None:
    """Print the events of a run, from the beginning, and go on with what comes.

    \b
    Example:
      runstone tail 3f2a9c... | grep val_loss
    """
    layout = layout_of(repo)
    if not is_safe_hash(run_hash) or not os.path.isdir(layout.run_folder(run_hash)):
        raise MissingRunError(f"there is no run {run_hash!r}", hint="`runstone runs ls` lists the runs.")
    try:
        for event in _events(layout, run_hash, follow):
            print_json(event) if as_json else click.echo(_line(event))
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _events(layout: Layout, run: str, follow: bool) -> Iterator[dict[str, Any]]:
    """Yield the events of all writers; those of one pass over the logs are in the order of time."""
    state = RunState(run)
    positions: dict[str, Position] = {}
    while True:
        batch: list[dict[str, Any]] = []
        for name in sorted(layout.log_names(run), key=log_order):
            more = True
            while more:
                read = read_log(layout.log_path(run, name), positions.get(name, START))
                positions[name], more = read.position, read.more
                batch += _translated(state, name, read.events, read.points)
        yield from sorted(batch, key=lambda event: event["time"])
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _translated(state: RunState, name: str, events: list[Any], points: list[Any]) -> Iterator[dict[str, Any]]:
    parsed = parse_log_name(name)
    assert parsed is not None  # noqa: S101 - log_names gives no others
    writer = state.writer(parsed[0])
    for event in events:
        kind = event.get("event")
        if kind == "sequence":
            state.apply(writer, event)
        elif kind not in ("log", None):
            fields = {key: value for key, value in event.items() if key not in ("event", "dt", "crc")}
            yield {
                "time": (writer.base + event.get("dt", 0)) / 1e6,
                "writer": writer.writer,
                "event": kind,
                **fields,
            }
    for row in points:
        place = writer.declared.get(row[0])
        if place is not None:
            sequence = state.sequences[place]
            yield {
                "time": (writer.base + row[3]) / 1e6,
                "writer": writer.writer,
                "event": "point",
                "name": sequence.name,
                "context": decode(sequence.context),
                "step": row[1],
                "value": from_json(row[2]),
                "epoch": row[4] if len(row) > 5 else None,
            }


def _line(event: dict[str, Any]) -> str:
    head = show_time(event["time"])
    match event["event"]:
        case "point":
            context = ",".join(f"{key}={value}" for key, value in event["context"].items())
            value = event["value"]
            shown = f"{value:.6g}" if isinstance(value, float) else value
            text = f"{event['name']}{{{context}}} step {event['step']} = {shown}"
        case "set":
            text = f"{show_key(tuple(event['key']))} = {decode(event['value'])!r}"
        case "unset":
            text = f"{show_key(tuple(event['key']))} deleted"
        case "prop":
            text = f"{event['name']} is {decode(event['value'])!r}"
        case "tag":
            text = f"tag {event['name']!r} {'added' if event['on'] else 'removed'}"
        case kind:
            text = str(kind)
    return printable(f"{head}  {text}")
