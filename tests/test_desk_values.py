"""Values on their way out: what JavaScript would round has all its digits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from desk import ask, columns, told
from processes import QUIET
from runstone import Run
from runstone_indexer.indexer import Indexer

BIG = 2**53 + 1
TAGGED = {"$int": "0x20000000000001"}


@pytest.fixture(params=["index", "logs"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    run = Run(repo=tmp_path, **QUIET)
    run["seed"] = BIG
    run["tree"] = {"seeds": [1, -BIG, 2**53 - 1, True], "huge": 2**80}
    run.track(BIG, name="count", context={"id": BIG})
    run.log_info("seeded", seed=BIG)
    run.close()
    if request.param == "index":
        Indexer(tmp_path).run_once()
    return tmp_path, run.hash


def test_an_integer_that_javascript_would_round_is_tagged_in_every_reply(made: tuple[Path, str]) -> None:
    path, run = made
    found = told(path, "run", hash=run)
    assert found["params"]["seed"] == TAGGED
    assert found["params"]["tree"]["seeds"] == [1, {"$int": "-0x20000000000001"}, 2**53 - 1, True]
    assert found["params"]["tree"]["huge"] == {"$int": "0x100000000000000000000"}
    (sequence,) = found["sequences"]
    assert (sequence["context"], sequence["summary"]["last"]) == ({"id": TAGGED}, TAGGED)
    changes = {change["name"]: change["after"] for change in told(path, "history", hash=run)["changes"]}
    assert changes["seed"] == TAGGED
    assert told(path, "records", hash=run)["records"][0]["args"] == {"seed": TAGGED}
    assert told(path, "runs", column=["run.seed", "run.tree.seeds[2]"])["columns"] == [[TAGGED], [2**53 - 1]]
    assert told(path, "groups", by="run.seed")["groups"][0]["value"] == TAGGED
    header, _ = columns(ask(path, "curves", attribute=["run.seed"]).body)
    assert header["sequences"][0]["attributes"] == [TAGGED]


def test_a_file_has_the_integer_as_it_is(made: tuple[Path, str]) -> None:
    path, _ = made
    (row,) = json.loads(ask(path, "export", format="json", column=["run.seed"]).body)
    assert row["run.seed"] == BIG
    assert str(BIG) in ask(path, "export", format="csv", column=["run.seed"]).body.decode()
