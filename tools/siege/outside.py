"""W3: names by the ten thousand that lead elsewhere, for every route and parameter that takes one.

Around the repository lie canaries, and links in it lead to them, where a run, a log or a blob would be. No reply has a byte
of them, and strace sees that the server, its workers and its indexer open nothing outside of the repository, of Python
and its packages, of the system's libraries, and of /proc and /dev; what a link leads to counts, not what it is called.

    python tools/siege/main.py --only outside --seed 7 --trials 2000
"""

from __future__ import annotations

import http.client
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import orjson
from besieged import CANARY, PATIENCE_SECONDS, TOKEN, TOP, Besieged, Victim, besieged, workshop
from campaign import Options, Row, lacking

from runstone_ui.endpoints import ENDPOINTS, Endpoint
from test_up_traversal import DOTS, PREFIXES, SEPARATORS, SUFFIXES

FULL = 10_000
PASSWORDS = b"root:x:0"
STILL_SECONDS = 1.5  # without such a file, and all have started
STREAM = "live"  # takes nothing, and goes on for ever
# What the interpreter and its libraries need, whatever is asked: at any time,
SYSTEM = (
    "/proc/", "/dev/", "/sys/", "/usr/lib/", "/usr/lib64/", "/lib/", "/lib64/", "/usr/local/lib/", "/usr/share/zoneinfo/",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/mime.types",
    "/etc/ssl/openssl.cnf", "pipe:", "socket:", "anon_inode:",
    "/memfd:",
)  # fmt: skip
# and while the server starts, and in a worker that starts, before it has opened anything of the repository.
STARTING = ("/etc/passwd", "/etc/nsswitch.conf", "/etc/locale.alias", "/etc/hosts", "/etc/host.conf",
            "/etc/resolv.conf", "/etc/gai.conf", "/usr/share/locale/")  # fmt: skip
# A call during which another thread made one stands in two lines.
OPENED = re.compile(r"^(\d+) +(?:open(?:at2?)?\(|<\.\.\. open(?:at2?)? resumed>).*\) += \d+<(.*)>$")
TRACE = ("strace", "-f", "-y", "-qq", "--seccomp-bpf", "-e", "trace=open,openat,openat2,readlink,readlinkat")


def names(victim: Victim, dice: random.Random) -> Iterator[str]:
    """Yield names without end, as they stand in an address: ways out, links, random bytes, names with a slip in them."""
    outside = str(victim.repo.parent / "canary")
    pieces = [
        *DOTS,
        *SEPARATORS,
        *PREFIXES,
        *SUFFIXES,
        "canary",
        "canary.jsonl",
        "outside",
        quote(outside, safe=""),
    ]
    real = [victim.everything, victim.deleted, *victim.links, *victim.blobs[:3]]
    while True:
        kind = dice.random()
        if kind < 0.4:
            yield "".join(dice.choice(pieces) for _ in range(dice.randrange(1, 9)))
        elif kind < 0.55:
            yield (dice.choice(DOTS) + dice.choice(SEPARATORS)) * dice.randrange(1, 9) + dice.choice(
                ["canary", "etc/passwd"]
            )
        elif kind < 0.7:
            yield dice.choice(real)
        elif kind < 0.85:
            name, slip = dice.choice(real), dice.choice(pieces)
            place = dice.randrange(len(name))
            yield name[:place] + slip + name[place + dice.randrange(2) :]
        else:
            yield quote_from_bytes(dice.randbytes(dice.randrange(1, 60)))


def requests(victim: Victim, seed: int) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield (method, target, body) without end: the links, then each route in its turn with a name in a place of it."""
    for endpoint in ENDPOINTS:
        for link in victim.links if endpoint.method == "GET" and endpoint.places else ():
            path = re.sub(r"\{[a-z]+\}", link, endpoint.path)
            for query in ("", "?log=canary.jsonl", "?name=canary"):
                yield "GET", f"/api/{path}{query}", None
    dice = random.Random(seed)
    found = names(victim, dice)
    routes = [endpoint for endpoint in ENDPOINTS if endpoint.path != STREAM]
    while True:
        for endpoint in routes:
            yield endpoint.method, _target(endpoint, victim, found, dice), _body(endpoint, found, dice)
        for path in ("/{}", "/assets/{}", "/run/{}", "/api/{}", "/api/../{}", "/figure.html/{}"):
            yield "GET", path.replace("{}", next(found)), None


def _target(endpoint: Endpoint, victim: Victim, found: Iterator[str], dice: random.Random) -> str:
    known = {"hash": victim.everything, "digest": victim.blobs[0], "id": "0" * 12}
    path = f"/api/{endpoint.path}"
    texts = [parameter.name for parameter in endpoint.parameters if parameter.schema["type"] == "string"]
    hostile = dice.choice([*endpoint.places, *texts] or [""])
    for name in endpoint.places:
        path = path.replace(f"{{{name}}}", next(found) if name == hostile else known[name])
    required = {"kind": "images", "format": "csv", "by": "run.name", "name": "model.txt"}
    given = {p.name: required[p.name] for p in endpoint.parameters if p.required and p.name != hostile}
    query = "&".join(f"{name}={value}" for name, value in given.items())
    if hostile in texts:
        query += f"&{hostile}=" + next(found).replace("#", "%23").replace("&", "%26")
    return (path + (f"?{query.lstrip('&')}" if query else "")).replace(" ", "%20")


def _body(endpoint: Endpoint, found: Iterator[str], dice: random.Random) -> bytes | None:
    if endpoint.method != "POST":
        return None
    name = next(found)
    bodies = {
        "edit": {"runs": [name], dice.choice(["deleted", "set"]): True},
        "views": {"name": name, "address": f"/{name}"},
    }
    return orjson.dumps(bodies.get(endpoint.path, {"text": name, "path": name}))


def outside(options: Options) -> Row:
    """Ask for what is elsewhere; look at every reply, and at everything that was opened."""
    row = Row("W3", "names that lead elsewhere", "names", control="links are followed")
    row.skipped = lacking("strace")
    if row.skipped:
        return row
    with workshop() as victim:
        found, statuses, opened = asked(victim, options.seed, options.count(FULL))
        row.failures += found
        row.trials = statuses.total()
        row.figures["files opened"] = opened
        row.figures |= {f"status {status}": count for status, count in sorted(statuses.items())}
        row.controls = 1
        control = str(Path(__file__).with_name("trusting.py"))
        row.caught = int(bool(asked(victim, options.seed, 60, control)[0]))
    return row


def asked(
    victim: Victim, seed: int, count: int, program: str = "-m runstone"
) -> tuple[list[str], Counter[int], int]:
    """Send so many requests to a server that is traced. Returns what was wrong, the statuses, and what was opened."""
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="siege-trace-") as folder:
        trace = Path(folder) / "trace"
        prefix = [*TRACE, "-o", str(trace)]
        with besieged(victim.repo, token=TOKEN, prefix=prefix, program=program) as server:
            with server.client() as client:
                client.get("/api/runs")
            begins = _when_started(trace)
            for number, request in enumerate(requests(victim, seed)):
                if number == count:
                    break
                status, wrong = _one(server, *request)
                statuses[status] += 1
                failures += [f"seed {seed}, {request[0]} {request[1][:300]}: {text}" for text in wrong]
            if "Traceback" in server.output():
                failures.append(f"seed {seed}: a traceback: {server.output()[-1500:]}")
        paths, elsewhere = _opened(trace, victim.repo, begins)
    failures += [f"seed {seed}: it has opened {path}" for path in sorted(elsewhere)]
    if not any(path.startswith(str(victim.repo)) for path in paths):
        failures.append("nothing of the repository was opened: the trace is not what it should be")
    return failures, statuses, len(paths)


def _when_started(trace: Path) -> int:
    """Return how long the trace is when what only a start opens is not opened any more, in no worker."""
    before, ends = None, time.monotonic() + PATIENCE_SECONDS
    while before != (now := trace.read_bytes().count(b"/etc/")):
        if time.monotonic() > ends:
            raise TimeoutError("the server goes on starting")
        before = now
        time.sleep(STILL_SECONDS)
    return trace.stat().st_size


def _opened(trace: Path, repo: Path, begins: int) -> tuple[set[str], set[str]]:
    """Return what was opened, under its real path; and what of it should not have been."""
    # What the interpreter looks for modules in is a folder of its own.
    packages = [sys.prefix, sys.base_prefix, str(TOP), *(path for path in sys.path if path)]
    allowed = (*SYSTEM, *(f"{place}/" for place in (*packages, str(repo))))
    found, elsewhere, begun = set(), set(), set()
    place = 0
    with trace.open("rb") as lines:
        for line in lines:
            place += len(line)
            match = OPENED.match(line.decode(errors="replace").rstrip())
            if match is None:
                continue
            thread, path = match[1], match[2]
            found.add(path)
            if path.startswith(str(repo)):
                begun.add(thread)
            is_start = (place <= begins or thread not in begun) and path.startswith(STARTING)
            if not f"{path}/".startswith(allowed) and not is_start:
                elsewhere.add(path)
    return found, elsewhere


def _one(server: Besieged, method: str, target: str, body: bytes | None) -> tuple[int, list[str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in server.headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        data = reply.read()
    finally:
        connection.close()
    found = [
        f"a byte of {name}"
        for name, mark in (("a canary", CANARY), ("/etc/passwd", PASSWORDS))
        if mark in data
    ]
    return reply.status, found + ([f"{reply.status}: {data[:300]!r}"] if reply.status == 500 else [])


CAMPAIGNS = {"outside": outside}
