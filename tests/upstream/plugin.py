"""The pytest plugin under which Aim's tests run: gives them `aim`, and writes down how each of them ended."""

import json
import os
import sys
from pathlib import Path

import aim_names

aim_names.install()

import ground  # noqa: E402 - it imports `aim`

sys.modules["tests.base"] = sys.modules["tests.utils"] = ground

_outcomes: dict[str, str] = {}


def pytest_configure(config):
    for issue in ("gh_1206", "gh_2256"):
        config.addinivalue_line("markers", f"{issue}: an issue of Aim's")


def pytest_collectreport(report):
    if report.failed:
        _outcomes[report.nodeid] = "failed"


def pytest_runtest_logreport(report):
    if not report.passed:
        _outcomes[report.nodeid] = report.outcome
    elif report.when == "call":
        _outcomes.setdefault(report.nodeid, "passed")


def pytest_sessionfinish():
    Path(os.environ["UPSTREAM_OUTCOMES"]).write_text(json.dumps(_outcomes))
