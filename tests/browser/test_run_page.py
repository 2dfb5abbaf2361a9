"""The page of one run, with each of its tabs."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


@pytest.mark.parametrize(
    "name", ["overview", "metrics", "terminal", "system", "media", "artifacts", "history", "events"]
)
def test_the_page_of_a_run(repo, the_run, shared, tab, keep, name):
    page = tab.go(f"{shared(repo)}run/{the_run}?tab={name}")
    assert page.get_by_role("tab", selected=True).first.inner_text().lower().startswith(name)
    assert page.get_by_role("tabpanel").first.inner_text().strip()
    keep(tab, f"run-{name}-{page.viewport_size['width']}")


def test_a_run_that_is_not_there_is_said_to_be_so(repo, shared, wide):
    wide.expected.append("404")
    page = wide.go(shared(repo) + "run/000000000000000000000000")
    page.get_by_text("There is no such run").wait_for()


def test_a_read_only_server_offers_no_changes(repo, the_run, shared, wide):
    page = wide.go(f"{shared(repo, '--read-only')}run/{the_run}")
    page.get_by_text("read-only").first.wait_for()
    assert page.get_by_role("button", name="Delete").count() == 0
