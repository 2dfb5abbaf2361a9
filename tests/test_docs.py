"""Pages that are made from the program are as the program would make them now."""

import importlib.util
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent


def made_by(script):
    spec = importlib.util.spec_from_file_location("made_by", TOP / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_the_command_line_is_what_the_program_says():
    module = made_by("tools/docs/cli.py")
    assert module.PAGE.read_text() == module.page(), "run `python tools/docs/cli.py`"


def test_the_page_on_the_command_line_has_every_command():
    headings = re.findall(r"^## runstone ?(.*)$", (TOP / "docs/cli.md").read_text(), re.MULTILINE)
    runs = [f"runs {name}" for name in ("archive", "copy", "ls", "move", "restore", "rm", "show", "tag")]
    rest = ["history", "tail", "index", "reindex", "status", "fsck", "gc", "backup"]
    assert headings == ["", "init", "up", "query", "runs", *runs, *rest]


PAGES = ["README.md", "CHANGELOG.md"] + [
    f"docs/{name}.md"
    for name in (
        "cli",
        "durability",
        "history",
        "repo",
        "parallel",
        "parameters",
        "artifacts",
        "media",
        "aim",
        "api",
        "ui",
    )
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (TOP / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((TOP / page).parent / target).exists(), target
