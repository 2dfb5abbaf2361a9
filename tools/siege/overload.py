"""W5: somebody asks too much, in each of ten ways, of a server that may have 512 MiB with all its processes.

All the while somebody else asks twice a second what a page asks, each time on a new connection. The server lives, nobody
kills it for its memory, the other one is answered, and afterwards its descriptors and its memory are what they were.
The time in which 99 of 100 such questions were answered is printed; at full length it has to be below a second.

    python tools/siege/main.py --only overload --trials 3     # each way for three seconds
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import fence
import numpy as np
import psutil
from besieged import QUIET, TOKEN, Besieged, Victim, besieged, workshop
from campaign import Options, Row

from runstone import Run
from runstone_indexer.indexer import Indexer

ATTACKS = (
    "nothing",
    "bodies",
    "series",
    "bombs",
    "ranges",
    "drips",
    "readers",
    "listeners",
    "queries",
    "crowds",
    "knocks",
)
SECONDS = 30  # of each
MEMORY = 512 << 20
PACE = 0.5  # seconds between two questions of the other client
PATIENCE = 10.0  # of that client
SETTLING = 90.0  # until descriptors and memory have to be as before: patience with slow readers is a minute
SLACK_FILES, SLACK_MEMORY = 8, 160 << 20  # of a large reply the C library keeps some, for each of two threads
P99 = 1.0
BESIDE = Path(__file__).parent
ASKED = ("/api/project", "/api/runs?limit=50&column=run.hparams.lr", "/api/views", "/")


@dataclass
class Client:
    """The one who asks for little. Answers are timed from before the connection; what is no 200 is written down."""

    server: Besieged
    times: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    most: int = 0  # bytes that the server itself has had
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Client:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PACE):
            path = ASKED[len(self.times) % len(ASKED)]
            began = time.monotonic()
            try:
                status = self._asked(path)
                if status != 200:
                    self.wrong.append(f"{path}: {status}")
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{path}: {type(error).__name__} after {time.monotonic() - began:.1f} s")
            self.times.append(time.monotonic() - began)
            self.most = max(self.most, memory(self.server.pid))

    def _asked(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=self.server.headers)
            reply = connection.getresponse()
            reply.read()
            return reply.status

    def quantile(self, of: float) -> float:
        return float(np.quantile(self.times, of)) if self.times else float("inf")


def memory(pid: int) -> int:
    """Return what a process has for itself, in bytes; 0 if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def files(server: Besieged) -> int:
    return psutil.Process(server.pid).num_fds()


def enlarge(victim: Victim, runs: int = 100, points: int = 2000, size: int = 64 << 20) -> str:
    """Add what makes replies large: long curves, and a large artifact. Returns the blob of that."""
    for number in range(runs):
        with Run(repo=victim.repo, **QUIET) as run:
            run["hparams"] = {"lr": number / runs, "text": "x" * 2000}
            for step in range(points):
                for name in ("a", "b"):
                    run.track(float(step * number), name=name, step=step)
    place = victim.repo.parent / "large"
    place.write_bytes(np.random.default_rng(1).bytes(size))
    with Run(repo=victim.repo, **QUIET) as run:
        run.log_artifact(place, block=True)
        (artifact,) = run.artifacts.values()
    Indexer(victim.repo).run_once()
    return str(artifact.sha256)


def overload(options: Options) -> Row:
    """Attack in each way, for as many seconds as there are trials."""
    row = Row("W5", "more than anybody may ask", "ways", control="no limits, a gigabyte")
    row.skipped = fence.lacking()
    if row.skipped:
        return row
    seconds = float(options.count(SECONDS))
    with workshop() as victim:
        blob = enlarge(victim) if options.trials is None else enlarge(victim, 10, 500, 8 << 20)
        for name in ATTACKS:
            row.trials += 1
            row.failures += [
                f"{name}, seed {options.seed}: {text}"
                for text in assaulted(victim, blob, name, seconds, options, row)
            ]
        row.controls = 1
        unlimited = str(BESIDE / "unlimited.py")
        row.caught = int(
            bool(assaulted(victim, blob, "bodies", max(seconds, 10.0), options, None, unlimited))
        )
    return row


def assaulted(
    victim: Victim,
    blob: str,
    name: str,
    seconds: float,
    options: Options,
    row: Row | None,
    program: str = "-m runstone",
) -> list[str]:
    """Attack a server in one way. Returns what was wrong, and puts what was measured into the row."""
    with (
        fence.fenced(MEMORY) as group,
        besieged(victim.repo, "--no-index", token=TOKEN, group=group.path, program=program) as server,
    ):
        with server.client() as client:  # everything is loaded once, so that it can be told what was added
            for path in (*ASKED, "/api/curves?q=metric.name+!%3D+''&limit=2"):
                client.get(path)
        held, opened = memory(server.pid), files(server)
        command = [sys.executable, str(BESIDE / "assailant.py"), name, str(server.port), TOKEN, str(seconds)]
        orders = json.dumps({"seed": options.seed, "blob": blob})
        with Client(server) as client:
            attack = subprocess.run([*command, orders], capture_output=True, text=True, check=False)
        found = [f"the assailant has failed: {attack.stderr[-1000:]}"] if attack.returncode else []
        came = Counter(json.loads(attack.stdout)) if not attack.returncode else Counter()
        found += aftermath(server, client, held, opened)
        if row is not None:
            row.figures[name] = figures(client, came, group.kills)
            if options.trials is None and client.quantile(0.99) > P99:
                found.append(f"p99 of the other client is {client.quantile(0.99):.2f} s")
        if came["500"]:
            found.append(f"{came['500']} replies are 500")
        return found


def aftermath(server: Besieged, client: Client, held: int, opened: int) -> list[str]:
    """Return what is not as it was before."""
    if not server.is_alive:
        return [f"the server is gone: {server.output()[-300:]}"]
    found = [f"the other client: {dict(Counter(client.wrong))}"] if client.wrong else []
    if client.most > MEMORY:
        found.append(f"the server had {client.most >> 20} MiB")
    ends = time.monotonic() + SETTLING
    while time.monotonic() < ends:
        more, larger = files(server) - opened, memory(server.pid) - held
        if more <= SLACK_FILES and larger <= SLACK_MEMORY:
            break
        time.sleep(0.5)
    else:
        found.append(f"{more} descriptors and {larger >> 20} MiB more than before, {SETTLING:.0f} s later")
    if "Traceback" in server.output():
        found.append(f"a traceback: {server.output()[-1500:]}")
    with server.client(timeout=PATIENCE) as page:
        for path in ASKED:
            if page.get(path).status_code != 200:
                found.append(f"{path} is not answered any more")
    return found


def figures(client: Client, came: Counter[str], kills: int) -> str:
    """Return one line of what was measured."""
    replies = ", ".join(f"{status}: {count:,}" for status, count in sorted(came.items()))
    return (
        f"{len(client.times)} asked beside it, p50 {client.quantile(0.5) * 1000:.0f} ms, "
        f"p99 {client.quantile(0.99) * 1000:.0f} ms; server {client.most >> 20} MiB, "
        f"workers killed {kills}; replies {replies}"
    )


CAMPAIGNS = {"overload": overload}
