"""Two hundred ways to run a script, in every field that a user fills: none runs, on any page."""

import itertools
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import training

from runstone import Figure, Run, Text

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

HIT = "window.hit=1"
TAGS = ("img src=x", "svg", "body", "video src=x", "audio src=x", "iframe", "input autofocus", "details open",
        "object data=x", "embed src=x", "marquee", "math", "a href=#", "style", "link rel=stylesheet href=x")  # fmt: skip
HANDLERS = (
    "onerror",
    "onload",
    "onfocus",
    "ontoggle",
    "onstart",
    "onpointerover",
    "onanimationstart",
    "onbegin",
)
BREAKS = (
    "",
    '">',
    "'>",
    "</script>",
    "</title>",
    "</textarea>",
    "-->",
    "`>",
    "]]>",
    "</style>",
    "</noscript>",
)
BODIES = (
    f"<script>{HIT}</script>", f"<ScRiPt>{HIT}</sCrIpT>", f"<svg><script>{HIT}</script></svg>",
    f"<iframe src=\"javascript:parent.{HIT}\"></iframe>", f"<iframe srcdoc='<script>parent.{HIT}</script>'></iframe>",
    f"<a href='javascript:{HIT}' autofocus>x</a>", f"<form action='javascript:{HIT}'><input type=submit autofocus></form>",
    f"<base href='javascript:{HIT}//'>", f"<meta http-equiv=refresh content='0;url=javascript:{HIT}'>",
)  # fmt: skip
PAYLOADS = [
    *(f"<{tag} {handler}={HIT}>" for tag, handler in itertools.product(TAGS, HANDLERS)),
    *(before + body for before, body in itertools.product(BREAKS, BODIES)),
]
PAGES = (
    "runs",
    "metrics?q=metric.name+!%3D+''",
    "images",
    "texts",
    "figures",
    "views",
    "compare?q=run.hparams+!%3D+None",
)
TABS = ("overview", "metrics", "terminal", "media", "artifacts", "history", "events")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A run in which each payload stands wherever text may stand, and some whose names they are."""
    folder = tmp_path_factory.mktemp("payloads")
    (folder / "file").write_text("".join(PAYLOADS))
    for number in range(0, len(PAYLOADS), 8):
        with Run(repo=folder / "repo", system_tracking_interval=None, capture_terminal_logs=False) as run:
            run.name = run.description = run.experiment = " ".join(PAYLOADS[number : number + 8])
    with Run(repo=folder / "repo", system_tracking_interval=None, capture_terminal_logs=False) as run:
        run.name = "all of them"
        for step, payload in enumerate(PAYLOADS):
            run["hparams", payload] = payload
            run.add_tag(payload)
            run.add_note(payload)
            run.log_error(payload, why=payload)
            run.track(1.0, name=payload, step=0, context={payload: payload})
            run.track(Text(payload), name="texts", step=step, context={"c": payload[:40]})
            image = training.picture(0)
            image.caption = payload
            run.track(image, name=f"image {step % 7}", step=step)
            run.log_artifact(str(folder / "file"), name=payload.replace("/", "|"))
        run.track(Figure(figure()), name="figure")
    return folder / "repo", run.hash


def figure():
    import plotly.graph_objects as go

    title = {"title": {"text": "".join(PAYLOADS[:20])}}
    return go.Figure(
        go.Scatter(x=[1] * 20, y=list(range(20)), text=PAYLOADS[-20:], name=PAYLOADS[0], mode="text"), title
    )


def test_there_are_enough():
    assert len(set(PAYLOADS)) >= 200


def test_no_payload_runs_in_any_field_on_any_page(attacked, up, wide):
    folder, run = attacked
    address = up(folder)
    for path in (*PAGES, *(f"run/{run}?tab={name}" for name in TABS), f"runs?q={quote(PAYLOADS[0])}"):
        page = wide.go(address + path)
        assert page.evaluate("window.hit") is None, path
    wide.expected.append("/api/check")
    wide.expected.append("/api/runs")


def test_where_nothing_protects_they_run_and_are_noticed(browser):
    page = browser.new_page()
    ran = 0
    for payload in PAYLOADS[::5]:
        page.goto("about:blank")  # a window of its own
        page.set_content(f"<p>{payload}</p>")
        ran += page.evaluate("new Promise(done => setTimeout(() => done(window.hit ?? 0)))")
    page.close()
    assert ran >= 5  # scripts at least; handlers wait for what happens
