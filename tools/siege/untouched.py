"""W7: whatever is asked with GET and HEAD, the repository stays as it was, to the last inode and time.

Once its file system is mounted read-only, in a mount namespace of the server's own, and once it could be written to.
Every route is asked, well and badly: what pages ask for, and names that lead elsewhere.

    python tools/siege/main.py --only untouched
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from besieged import TOKEN, Besieged, Victim, besieged, workshop
from campaign import Options, Row, lacking
from confined import tree
from conformity import EXPRESSIONS, QUERIES
from outside import requests

from runstone_ui.endpoints import ENDPOINTS, KINDS

FULL = 3000
# A bind mount that nobody else sees: the namespace is the server's own, and private.
MOUNT = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


def reads(victim: Victim) -> Iterator[str]:
    """Yield what pages ask for: every route, and every parameter of it."""
    runs = [victim.everything, victim.hostile, victim.damaged, victim.deleted, victim.links[0]]
    for query in QUERIES:
        yield from (
            f"runs?q={query}",
            f"check?q={query}",
            f"groups?by=run.name&q={query}",
            f"curves?q={query}",
        )
        yield from (f"media?kind={kind}&q={query}" for kind in KINDS)
    for expression in EXPRESSIONS:
        yield f"runs?column={expression}&order_by={expression}&descending=1&limit=5&offset=2"
        yield f"curves?q=metric.name == 'loss'&attribute={expression}&smooth=0.6&points=50&x=time"
        yield from (f"export?format={form}&column={expression}" for form in ("csv", "json", "parquet"))
    for run in runs:
        yield from (f"runs/{run}{rest}" for rest in ("", "/history", "/terminal", "/records", "/events"))
        yield from (f"runs/{run}/terminal?after=-10", f"runs/{run}/artifact?name=model.txt")
    yield from (f"blobs/{digest}" for digest in [*victim.blobs, victim.links[-1]])
    yield from (
        endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET" and "{" not in endpoint.path
    )


def untouched(options: Options) -> Row:
    """Read from a server that cannot write, and from one that could; compare what there was and what there is."""
    row = Row("W7", "reading changes nothing", "requests", control="an edit among them")
    row.skipped = lacking("unshare", "mount", root=True)
    if row.skipped:
        return row
    with workshop() as victim:
        count = options.count(FULL)
        mounted = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            MOUNT,
            "sh",
            str(victim.repo),
        ]
        for name, prefix in (("mounted read-only", mounted), ("that could be written", [])):
            before = tree(victim.repo)
            with besieged(victim.repo, "--no-index", token=TOKEN, prefix=prefix) as server:
                found, statuses = read(server, victim, options.seed, count)
                with server.client() as client:
                    is_read_only = client.get("/api/project").json()["read_only"]
            row.trials += statuses.total()
            row.failures += [f"{name}: {text}" for text in found]
            if is_read_only != bool(prefix):
                row.failures.append(f"{name}: it is read-only: {is_read_only}")
            if tree(victim.repo) != before:
                row.failures.append(f"{name}: the repository is not what it was, seed {options.seed}")
            for status, number in statuses.items():
                row.figures[f"status {status}"] = int(row.figures.get(f"status {status}", 0)) + number
        before = tree(victim.repo)
        with besieged(victim.repo, "--no-index", token=TOKEN) as server, server.client() as client:
            client.post(
                "/api/edit", json={"runs": [victim.everything], "add_tags": ["seen"]}
            ).raise_for_status()
        row.controls, row.caught = 1, int(tree(victim.repo) != before)
    return row


def read(server: Besieged, victim: Victim, seed: int, count: int) -> tuple[list[str], Counter[int]]:
    """Ask everything with GET and HEAD, and so many other things besides. Returns what was wrong, and the statuses."""
    statuses: Counter[int] = Counter()
    hostile = (target for method, target, _ in requests(victim, seed) if method == "GET")
    targets = [f"/api/{path}" for path in reads(victim) if path != "live"]
    found = []
    with server.client() as client:
        with client.stream("GET", "/api/live") as stream:
            if b"hello" not in next(stream.iter_raw()):
                found.append("live does not say hello")
        for target in (*targets, *itertools.islice(hostile, max(count - len(targets), 0))):
            for method in ("GET", "HEAD"):
                status = client.request(method, target).status_code
                statuses[status] += 1
                if status == 500:
                    found.append(f"seed {seed}, {method} {target[:300]}: 500")
    if "Traceback" in server.output():
        found.append(f"a traceback: {server.output()[-1500:]}")
    return found, statuses


CAMPAIGNS = {"untouched": untouched}
