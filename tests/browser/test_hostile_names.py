"""Names that nobody should have are only names, on every page."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


def test_hostile_names_are_only_names(bad, shared, tab):
    folder, run = bad
    address = shared(folder)
    pages = [
        "runs",
        "metrics?q=metric.name+%21%3D+%27%27",
        "compare?q=run.hparams.plain+%3E%3D+0",
        "images",
        "texts",
    ]
    pages += [
        f"run/{run}?tab={name}" for name in ("overview", "metrics", "terminal", "media", "history", "events")
    ]
    for path in pages:
        page = tab.go(address + path)
        assert page.evaluate("window.hit") is None, path
        assert page.get_by_role("alert").count() == 0, path
