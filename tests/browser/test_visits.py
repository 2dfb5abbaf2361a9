"""Ways in: a wrong address, a base path, a token; and a run that is seen while it is written."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


def test_an_address_that_is_none_is_said_to_be_so(repo, up, wide):
    wide.expected.append("404")
    page = wide.go(up(repo) + "nothing/here")
    page.get_by_text("There is no such page").wait_for()
    page.get_by_role("link", name="To the runs").click()
    page.get_by_role("link", name="sweep 23").wait_for()


def test_the_page_works_below_a_base_path(repo, up, wide):
    page = wide.go(up(repo, "--base-path", "/lab/runs") + "runs")
    page.get_by_text("25 runs").first.wait_for()
    page.get_by_role("link", name="everything").click()
    page.get_by_role("tab", name="Overview").wait_for()
    assert "/lab/runs/run/" in page.url


def test_with_a_token_only_who_has_it_gets_in(repo, up, browser, wide):
    address = up(repo, "--token", "a-secret-of-enough-length")
    wide.expected.append("401")
    assert "?token=" in address
    page = wide.go(address)
    page.get_by_text("25 runs").first.wait_for()
    assert "token" not in page.url
    other = browser.new_context().new_page()
    other.goto(page.url)
    assert other.evaluate("fetch('api/project').then(reply => reply.status)") == 401
    other.context.close()


def test_a_training_run_is_seen_while_it_is_written(training_run, up, wide, keep):
    repo, process, end = training_run
    page = wide.go(up(repo) + "runs")
    page.get_by_text("from runstone import Run").wait_for()
    process.stdin.write("begin\n")
    process.stdin.flush()
    run = process.stdout.readline().strip()
    page.get_by_role("link", name="live").wait_for()  # without a reload
    page.get_by_text("1 running").wait_for()
    page.goto(wide.home.replace("/runs", "/metrics?q=metric.name+%3D%3D+%22loss%22"))
    count = "Number(document.querySelector('table tbody tr td:last-child')?.innerText.replace(/,/g, '') ?? 0)"
    page.wait_for_function(f"() => {count} > 20")
    before, drawn = page.evaluate(f"() => {count}"), page.locator("canvas").first.screenshot()
    page.wait_for_function(f"() => {count} > {before} + 100")
    assert page.locator("canvas").first.screenshot() != drawn  # the curve has moved
    keep(wide, "live")
    end.touch()
    page.goto(wide.home.replace("/runs", f"/run/{run}?tab=overview"))
    page.get_by_text("finished").first.wait_for()
