"""What schemathesis does besides with every reply (its hooks): count it, and look for what no reply may give away.

A module of its own because schemathesis imports it, by SCHEMATHESIS_HOOKS. What it is to look for stands in a file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection

ORDERS = json.loads(Path(os.environ["RUNSTONE_SIEGE"]).read_text())
COUNTED = os.open(ORDERS["counted"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
WRONG = os.open(ORDERS["wrong"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
SERVED = "GET /project"  # says which repository is served: docs/api.md
TRACES = ("Traceback (most recent call", 'File "/', '.py", line ', "site-packages")


def leaks(status: int, operation: str, text: str, orders: dict[str, Any]) -> list[str]:
    """Return what a reply gives away: paths of the machine, a trace of a stack, the token; or that it is our fault."""
    found = [str(status)] if status == 500 or status > 503 else []
    hidden = [] if operation == SERVED else [orders["place"]]
    hidden += orders["packages"] if status >= 400 else []  # what a run has recorded of its machine is data
    found += [f"the path {path}" for path in hidden if path in text]
    found += [f"the token in {operation}"] if orders["token"] in text else []
    return found + [f"a trace: {mark}" for mark in TRACES if status >= 400 and mark in text]


@schemathesis.check
def wrong_data_is_refused(context: Any, response: Any, case: Any) -> None:
    """As schemathesis' own, where what was wrong is still wrong once it stands in an address.

    There a number for a text is a text, and an empty list or null is a parameter left empty, which counts as not given.
    """
    given = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
    if all(value and name not in ORDERS["texts"] for name, value in given):
        negative_data_rejection(context, response, case)


@schemathesis.check
def gives_nothing_away(_context: Any, response: Any, case: Any) -> None:
    """A check of schemathesis."""
    operation = case.operation.label
    text = response.content.decode("utf-8", "replace") + str(dict(response.headers))
    os.write(COUNTED, f"{response.status_code} {operation}\n".encode())
    asked = case.as_curl_command()
    for wrong in leaks(response.status_code, operation, text, ORDERS):
        if wrong.removeprefix("a trace: ") in unquote_plus(asked):
            continue  # a query that was refused is in what is said of it
        line = {
            "what": wrong,
            "operation": operation,
            "curl": asked[:2000],
            "text": text[:400],
        }
        os.write(WRONG, (json.dumps(line) + "\n").encode())
