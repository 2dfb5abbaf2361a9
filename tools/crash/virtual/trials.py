"""In the guest: `trials.py NAME VERSION SEED TRIALS` runs a campaign and prints what it found as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaign import Row

from virtual import network
from virtual.following import follow
from virtual.indexing import held, indexers, readers
from virtual.trial import note
from virtual.writing import cut, killed, restart, writers

CAMPAIGNS: dict[str, tuple[str, str, Callable[[Row, str, int, int], None]]] = {
    "writers": ("H1", "sixteen writers on two clients", writers),
    "follow": ("H2, H3", "seen on the other client", follow),
    "indexers": ("H6", "an indexer on each client", indexers),
    "killed": ("R1", "killed on one client, read on the other", killed),
    "cut": ("H4", "a client that is cut off", cut),
    "restart": ("H4", "a server that is started anew", restart),
    "held": ("H6", "an answer whose index is replaced", held),
    "readers": ("H6", "readers while the other client indexes anew", readers),
}


def main() -> None:
    name, version, seed, trials = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    key, title, function = CAMPAIGNS[name]
    row = Row(key, f"{title}, NFS v{version}")
    note(f"{name} {version}")
    with network.mounted(version):
        note("mounted")
        function(row, version, seed, trials)
    print(json.dumps(asdict(row)))


if __name__ == "__main__":
    main()
