"""W6: requests by the ten thousand that schemathesis makes up from openapi.json, right ones and wrong ones.

Every reply has to conform to the description; none may be a 500, or give away a trace of a stack, a path of the machine
or the token; and the token is in nothing that the server says. The repository has runs, media, a deleted and a damaged
run, and hostile names; what is asked for is there in half of the requests.

    python tools/siege/main.py --only conformity --trials 2000
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from besieged import PATIENCE_SECONDS, TOKEN, TOP, Besieged, Victim, besieged, workshop
from campaign import Options, Row

FULL = 50_000
EXAMPLES = 150  # of each operation, at a time
CHECKS = (
    "gives_nothing_away",
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "wrong_data_is_refused",
    "ignored_auth",
    "unsupported_method",
)
# AimQL is no language that JSON Schema can describe: a random text for `q` is refused, as it has to be.
QUERIES = (
    "", "run.hparams.lr > 0.05", "run.name == 'everything'", "search('fox')", "run.hparams.nothing == None",
    "run.metrics['loss', {'subset': 'val'}].last < 1", "metric.name == 'loss'", "'keep' in run.tags", "run.x >",
    "metric.last > 0.1 and run.hparams.lr < 0.2", "images.name == 'samples'", "any(x for x in [1, 0, run.seed])",
)  # fmt: skip
EXPRESSIONS = (
    "run.hparams.lr",
    "run.name",
    "run.hparams",
    "run.metrics['loss', {}].last",
    "run.tags",
    "1 / 0",
)
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 413, 421]
"""
STREAM = "/live"  # goes on for ever: it is asked otherwise


def described(server: Besieged, victim: Victim) -> dict[str, Any]:
    """Return the server's description of itself, in which real names may stand where any name may."""
    with server.client() as client:
        found: dict[str, Any] = client.get("/api/openapi.json").json()
    known = {
        "hash": [
            victim.everything,
            victim.hostile,
            victim.damaged,
            victim.deleted,
            *victim.runs[:2],
            victim.links[0],
        ],
        "digest": [*victim.blobs[:12], victim.links[-1]],
        "q": QUERIES,
        "by": EXPRESSIONS,
        "order_by": EXPRESSIONS,
        "column": EXPRESSIONS,
        "attribute": EXPRESSIONS,
        "name": ["model.txt"],
        "x": ["step", "epoch", "time", "relative", "metric:accuracy", "metric:loss"],
    }
    found["paths"] = {path: item for path, item in found["paths"].items() if path != STREAM}
    for item in found["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                schema = parameter["schema"]
                if parameter["name"] in known and schema.get("type") == "array":
                    schema["items"] = _either(known[parameter["name"]], schema["items"])
                elif parameter["name"] in known:
                    parameter["schema"] = _either(known[parameter["name"]], schema)
    edited = found["paths"]["/edit"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    runs = edited["properties"]["runs"]
    runs["items"] = _either([victim.hostile, victim.deleted, *victim.runs[:2]], runs["items"])
    return found


def _either(known: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(known)}, schema]}


def conformity(options: Options) -> Row:
    """Besiege one server after another, each with a seed of its own, until there were as many requests as wanted."""
    row = Row(
        "W6", "requests that schemathesis makes up", "requests", control="a server that says what went wrong"
    )
    if importlib.util.find_spec("schemathesis") is None:
        row.skipped = "there is no schemathesis"
        return row
    wanted = options.count(FULL)
    statuses: Counter[str] = Counter()
    with workshop() as victim:
        seed = options.seed
        while row.trials < wanted and not row.failures:
            each = min(EXAMPLES, max(wanted // 40, 2))
            found, counted = assaulted(victim, seed, each)
            row.failures += found
            row.trials += counted.total()
            statuses += counted
            seed += 1
            if not counted:
                row.failures.append(f"seed {seed - 1}: nothing was asked")
        row.figures["seeds"] = f"{options.seed} to {seed - 1}"
        row.figures |= {f"status {status}": count for status, count in sorted(statuses.items())}
        row.controls = 1
        faulty = str(Path(__file__).with_name("faulty.py"))
        row.caught = int(any("500" in text for text in assaulted(victim, options.seed, 1, faulty)[0]))
    return row


def assaulted(
    victim: Victim, seed: int, examples: int, program: str = "-m runstone"
) -> tuple[list[str], Counter[str]]:
    """Let schemathesis loose on a server. Returns what was wrong, and how many replies there were by status."""
    with (
        tempfile.TemporaryDirectory() as place,
        besieged(victim.repo, token=TOKEN, program=program) as server,
    ):
        folder = Path(place)
        (folder / "schemathesis.toml").write_text(SETTINGS)
        (folder / "openapi.json").write_text(json.dumps(described(server, victim)))
        orders = {
            "counted": str(folder / "counted"),
            "wrong": str(folder / "wrong"),
            "token": TOKEN,
            "texts": ["q", "by", "order_by", "column", "attribute", "x", "name", "log"],
            "place": str(victim.repo.parent),
            "packages": [str(TOP), sys.prefix],
        }
        (folder / "orders.json").write_text(json.dumps(orders))
        done = _schemathesis(folder, server, seed, examples)
        counted = Counter(line.split()[0] for line in _lines(folder / "counted"))
        found = [f"seed {seed}: {line}" for line in _lines(folder / "wrong")]
        if done.returncode != 0:
            found.append(f"seed {seed}: schemathesis: {said(done.stdout)}{done.stderr[-1000:]}")
        if TOKEN in server.output():
            found.append(f"seed {seed}: the token is in what the server says")
        if "Traceback" in server.output():
            found.append(f"seed {seed}: a traceback in the server's terminal: {server.output()[-3000:]}")
        with server.client() as client:
            if client.get("/api/project").status_code != 200:
                found.append(f"seed {seed}: the server does not answer any more")
    return found, counted


def _schemathesis(
    folder: Path, server: Besieged, seed: int, examples: int
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", str(folder / "openapi.json"),
        "--url", f"{server.address}api", "--seed", str(seed), "--max-examples", str(examples),
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--continue-on-failure",
        "--header", f"Authorization: Bearer {TOKEN}", "--generation-database", "none", "--no-color",
        "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", str(PATIENCE_SECONDS),
    ]  # fmt: skip
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "overheard",
        "RUNSTONE_SIEGE": str(folder / "orders.json"),
        "PYTHONPATH": path.rstrip(os.pathsep),
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def said(output: str) -> str:
    """Return what schemathesis has found, without the addresses of thousands of characters."""
    begins = output.find("= FAILURES =")
    return "\n".join(line[:300] for line in output[begins:].splitlines() if line.strip())[:20_000]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


CAMPAIGNS = {"conformity": conformity}
