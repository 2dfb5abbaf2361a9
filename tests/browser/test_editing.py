"""What a reader changes: the page shows it at once, in other browsers too, and the log has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import training

from runstone import Repo

pytestmark = [pytest.mark.slow, pytest.mark.checkout]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for the changes of this module: each test has runs of its own in it."""
    folder = tmp_path_factory.mktemp("editing") / "repo"
    training.sweep(folder, 12, steps=2)
    return folder


def runs_of(repo: Path) -> dict[str, object]:
    """What somebody else finds there, by the name of the run."""
    every = Repo(repo, read_only=True).query_runs("run.archived in [True, False]", report_mode=0)
    return {run.name: run for run in every}


def tags_of(repo: Path, *names: str) -> list[set[str]]:
    found = runs_of(repo)
    return [set(found[name].tags) for name in names]


def select(page: object, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).click()
    page.get_by_text(f"{len(names)} selected").wait_for()


def row(page: object, name: str) -> object:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def press(page: object, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_tags_are_added_and_taken_away(mine, shared, wide):
    page = wide.go(shared(mine) + "runs?c=run.hparams.lr")
    select(page, "sweep 0", "sweep 1")
    press(page, "Tags of the selected runs")
    page.get_by_label("Add a tag to 2 runs").fill("  good one ")
    page.keyboard.press("Enter")
    page.get_by_text("2 runs tagged “good one”.").wait_for()
    page.keyboard.press("Escape")
    row(page, "sweep 0").get_by_text("good one").wait_for()
    assert tags_of(mine, "sweep 0", "sweep 1", "sweep 2") == [
        {"baseline", "good one"},
        {"good one", "keep"},
        {"keep"},
    ]
    press(page, "Undo")
    row(page, "sweep 0").get_by_text("good one").wait_for(state="detached")
    assert tags_of(mine, "sweep 0", "sweep 1") == [{"baseline"}, {"keep"}]
    press(page, "Tags of the selected runs")
    press(page, "Take the tag keep away")
    page.keyboard.press("Escape")
    row(page, "sweep 1").get_by_text("keep").wait_for(state="detached")
    assert tags_of(mine, "sweep 1") == [set()]
    press(page, "Undo")
    row(page, "sweep 1").get_by_text("keep").wait_for()
    assert tags_of(mine, "sweep 1") == [{"keep"}]


def test_undoing_a_tag_leaves_it_where_it_was_before(mine, shared, wide):
    page = wide.go(shared(mine) + "runs?c=run.hparams.lr")
    select(page, "sweep 2", "sweep 3")  # the first bears it already
    press(page, "Tags of the selected runs")
    page.get_by_label("Add a tag to 2 runs").fill("keep")
    page.keyboard.press("Enter")
    row(page, "sweep 3").get_by_text("keep").wait_for()
    page.keyboard.press("Escape")
    press(page, "Undo")
    row(page, "sweep 3").get_by_text("keep").wait_for(state="detached")
    assert tags_of(mine, "sweep 2", "sweep 3") == [{"keep"}, {"baseline"}]


def test_runs_are_archived_and_come_back(mine, shared, wide):
    page = wide.go(shared(mine) + "runs?c=run.hparams.lr")
    select(page, "sweep 4", "sweep 5")
    press(page, "Archive")
    row(page, "sweep 4").wait_for(state="detached")
    page.get_by_text("2 runs archived.").wait_for()
    found = runs_of(mine)
    assert [found[f"sweep {number}"].archived for number in (4, 5, 6)] == [True, True, False]
    press(page, "Undo")
    row(page, "sweep 4").wait_for()
    assert not runs_of(mine)["sweep 4"].archived


def test_a_deleted_run_comes_back(mine, shared, wide):
    page = wide.go(shared(mine) + "runs?c=run.hparams.lr")
    select(page, "sweep 6")
    press(page, "Delete")
    row(page, "sweep 6").wait_for(state="detached")
    page.get_by_text("until “runstone gc” removes it").wait_for()
    assert "sweep 6" not in runs_of(mine)
    press(page, "Undo")
    row(page, "sweep 6").wait_for()
    assert "sweep 6" in runs_of(mine)


def test_a_run_is_renamed(mine, shared, wide):
    page = wide.go(shared(mine) + "runs?c=run.hparams.lr")
    select(page, "sweep 7")
    press(page, "Rename the run")
    page.get_by_label("New name").fill("the best of all")
    page.keyboard.press("Enter")
    row(page, "the best of all").wait_for()
    assert "the best of all" in runs_of(mine)
    press(page, "Undo")
    row(page, "sweep 7").wait_for()
    assert {"sweep 7"} == {"sweep 7", "the best of all"} & set(runs_of(mine))


def test_the_page_of_a_run_changes_it(mine, shared, wide):
    run = runs_of(mine)["sweep 8"]
    page = wide.go(f"{shared(mine)}run/{run.hash}")
    press(page, "Change the name")
    page.get_by_label("New name").fill("eight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="eight", exact=True).wait_for()
    press(page, "Change the description")
    page.get_by_label("New description").fill("Two lines:\nof text")
    page.keyboard.press("ControlOrMeta+Enter")
    page.get_by_text("of text").wait_for()
    press(page, "Change the experiment")
    page.get_by_label("New experiment").fill("sound")
    press(page, "Save")
    page.get_by_role("link", name="sound").wait_for()
    press(page, "Add a tag")
    page.get_by_label("New tag").fill("odd")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="odd").wait_for()
    page.get_by_label("New note").fill("a first try")
    press(page, "Add the note")
    page.get_by_role("button", name="Delete the note").wait_for()
    found = runs_of(mine)["eight"]
    said = (found.description, found.experiment, set(found.tags), [note.text for note in found.notes])
    assert said == ("Two lines:\nof text", "sound", {"keep", "odd"}, ["a first try"])
    press(page, "Change the note")
    page.get_by_label("New note").first.fill("a second try")
    press(page, "Save")
    page.get_by_text("a second try").wait_for()
    press(page, "Delete the note")
    press(page, "Undo the deletion")
    page.get_by_text("a second try").wait_for()
    assert [note.text for note in runs_of(mine)["eight"].notes] == ["a second try"]
    press(page, "Archive")
    press(page, "Take out of the archive")
    page.get_by_role("button", name="Archive", exact=True).wait_for()
    press(page, "Change the name")
    page.get_by_label("New name").fill("not this")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="eight", exact=True).wait_for()
    wide.expected.append("404")  # what is asked about a run that is deleted
    press(page, "Delete")
    page.get_by_text("This run was deleted").wait_for()
    assert "eight" not in runs_of(mine)
    press(page, "Undo the deletion")
    page.get_by_role("heading", name="eight", exact=True).wait_for()
    assert "eight" in runs_of(mine)


@pytest.fixture
def other(browser: object) -> Iterator[object]:
    """A page of another browser, with another store."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_another_browser_sees_a_change_without_a_reload(mine, shared, wide, other):
    run = runs_of(mine)["sweep 9"]
    other.goto(shared(mine) + "runs?c=run.hparams.lr")
    row(other, "sweep 9").wait_for()
    page = wide.go(f"{shared(mine)}run/{run.hash}")
    press(page, "Change the name")
    page.get_by_label("New name").fill("nine")
    page.keyboard.press("Enter")
    row(other, "nine").wait_for()
    Repo(mine).get_run(run.hash).name = "ten and nine"  # and from a script
    row(other, "ten and nine").wait_for()
    page.get_by_role("heading", name="ten and nine").wait_for()


def test_a_change_that_fails_says_so(mine, servers, wide):
    page = wide.go(servers.start(mine) + "runs?c=run.hparams.lr")
    wide.expected += ["edit", "api/"]  # nobody answers
    select(page, "sweep 10")
    servers.stop()
    press(page, "Archive")
    page.get_by_role("alert").get_by_text("Nothing is certain to have changed").wait_for()
    assert row(page, "sweep 10").is_visible()
    assert not runs_of(mine)["sweep 10"].archived


def test_a_read_only_server_offers_no_changes_anywhere(mine, shared, wide):
    run = next(iter(runs_of(mine).values()))
    page = wide.go(shared(mine, "--read-only") + "runs?c=run.hparams.lr")
    select(page, "sweep 0")
    for name in ("Tags of the selected runs", "Rename the run", "Archive", "Delete", "Save this view"):
        assert page.get_by_role("button", name=name).count() == 0, name
    page = wide.go(f"{shared(mine, '--read-only')}run/{run.hash}")
    page.get_by_role("tab", name="Overview").wait_for()
    for name in ("Change the", "Add", "Archive", "Delete", "Take off", "Save this view"):
        assert page.get_by_role("button", name=name).count() == 0, name
    assert page.get_by_role("textbox", name="New note").count() == 0
