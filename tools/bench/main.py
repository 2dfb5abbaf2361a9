"""Runstone's speed and size beside its peers', on the same data with the same answers.

    python tools/bench/main.py                       # everything; minutes, mostly Aim's
    python tools/bench/main.py --quick               # small workloads, about a minute
    python tools/bench/main.py --only P1,P6 --workload M --peers aim --json out.json

Times are never asserted: they drift with the machine, and the ratio is what counts. The exit code is 1 only
if a store gave a wrong answer or a row could not be measured.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from comparison import Comparison
from environment import InstallError, interpreter
from facts import load, machine_facts
from indexing import disk_rows, held_rows, index_rows, write_rows
from peer import Peer, PeerError
from querying import query_rows
from questions import QUESTIONS
from report import show, write_json
from repositories import Repositories
from rich.console import Console
from row import OURS, Row
from stores import STORES, Store
from workload import LARGE, WORKLOADS, named
from writing import import_rows, open_rows, track_rows

TOP = Path(__file__).resolve().parents[2]
ROWS = ("W", "P1", "P2", "P3", "P4", "P5", *QUESTIONS, "P12", "P13", "P14", "P15")
QUERY_ROWS = {*QUESTIONS, "P13", "P14"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", type=_row_list, default=set(ROWS), metavar="ROWS", help=f"of {','.join(ROWS)}"
    )
    known = [*WORKLOADS, *LARGE]
    parser.add_argument(
        "--workload",
        action="append",
        choices=known,
        help=f"may be given several times (default: {', '.join(WORKLOADS)})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each store (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small workloads and few samples")
    parser.add_argument(
        "--peers", type=_peer_list, default=list(STORES), metavar="PEERS", help=f"of {','.join(STORES)}"
    )
    parser.add_argument("--no-peer", dest="peers", action="store_const", const=[], help="Runstone alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--data", type=Path, default=TOP / "bench-data", help="folder for the repositories")
    parser.add_argument(
        "--envs", type=Path, default=TOP / "bench-envs", help="folder for peers' environments"
    )
    parser.add_argument("--keep", action="store_true", help="keep Runstone's repositories too, to look at")
    parser.add_argument(
        "--reuse", action="store_true", help="measure what --keep has left, where it is there (it stays)"
    )
    return parser.parse_args()


def _row_list(text: str) -> set[str]:
    wanted = set(text.split(","))
    if unknown := wanted - set(ROWS):
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(sorted(unknown))}")
    return wanted


def _peer_list(text: str) -> list[str]:
    wanted = text.split(",")
    if unknown := set(wanted) - set(STORES):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}")
    return wanted


def find_stores(options: argparse.Namespace, console: Console) -> tuple[list[Peer], dict[str, str]]:
    """Runstone by this interpreter, and each peer by its own; and what is to be said of peers."""
    home, said = options.data, {}
    stores = [Peer(OURS, Path(sys.executable), "runstone_driver.py", "from runstone import Run", home)]
    for store in (STORES[name] for name in options.peers if _takes_part(STORES[name], options.only)):
        console.print(f"the environment of {store.name} …")
        try:
            python = interpreter(options.envs, store)
        except InstallError as error:
            said[store.name] = f"could not be installed: {error}"
            continue
        stores.append(
            Peer(store.name, python, store.driver, store.importing, home, no_queries=store.rows is not None)
        )
        if store.caveat:
            said[f"{store.name} is"] = store.caveat
    return stores, said


def _takes_part(store: Store, wanted: set[str]) -> bool:
    return store.rows is None or bool(store.rows & wanted)


def versions(stores: list[Peer]) -> dict[str, dict[str, str]]:
    """What each driver runs on."""
    found = {}
    for peer in stores:
        found[peer.name] = peer.fresh("facts")
    return found


def measure(comparison: Comparison, options: argparse.Namespace) -> list[Row]:
    """Every wanted row; the rows about the writer come before anything large is on the disk."""
    wanted, rows = options.only, []
    for key, make in (("P1", track_rows), ("P2", open_rows), ("P3", import_rows)):
        if key in wanted:
            rows += make(comparison)
    for name in options.workload or WORKLOADS:
        workload = named(name, quick=options.quick)
        here = wanted & set(workload.rows)
        if "W" in here:
            rows += write_rows(comparison, workload)
        if here & {"P4", "P5"}:
            rows += index_rows(comparison, workload)
        if "P15" in here:
            rows += held_rows(comparison, workload)
        if "P12" in here:
            rows += disk_rows(comparison, workload)
        if here & QUERY_ROWS:
            rows += query_rows(comparison, workload, here)
    return rows


def main() -> int:
    """Measure, print, and say by the exit code whether the answers agree."""
    options, progress = arguments(), Console(stderr=True)
    repositories = Repositories(options.data.resolve(), reuse=options.reuse)
    try:
        stores, said = find_stores(options, progress)
        facts: dict[str, Any] = machine_facts(options.data)
        found = versions(stores)
        comparison = Comparison(stores, repositories, options.rounds, options.quick, progress, found)
        rows = measure(comparison, options)
    except PeerError as error:
        progress.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        progress.print("Interrupted: nothing is reported; a peer's finished repositories are kept.")
        return 130
    finally:
        if not (options.keep or options.reuse):
            repositories.clean()
    facts["load after"] = load()
    facts.update(found | said | {f"{store} failed": error for store, error in comparison.broken.items()})
    # a file or a pipe has no width of its own, and the table needs this much
    console = Console() if sys.stdout.isatty() else Console(width=200)
    show(console, rows, facts, [peer.name for peer in stores[1:]], judge=not options.quick)
    if options.json:
        write_json(options.json, rows, facts)
    wrong = any(row.failed or row.answers not in ("", "equal") for row in rows)
    return 1 if wrong or comparison.broken else 0


if __name__ == "__main__":
    sys.exit(main())
