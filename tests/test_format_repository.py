"""docs/format/repository.md and the code say the same of what is removed, and of where it goes."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journals import hash_of, new_repo, write_run
from runstone import Repo
from runstone_query import blobs, garbage, trash
from runstone_query.trash import Trash
from runstone_writer.layout import shard

pytestmark = pytest.mark.checkout

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture
def page():
    return (DOCS / "format" / "repository.md").read_text()


def test_the_names_of_the_page_are_those_of_the_code(page):
    assert f"`trash/{trash.TAKEN}<16 hex digits>/logs/<shard>/<run>`" in page
    assert f"`trash/{trash.DOOMED}<16 hex digits>`" in page
    assert f"`{garbage.INCOMING}/<16 hex digits>/`" in page
    assert garbage._GONE.fullmatch(".gone-" + "a" * 64)
    assert "`.gone-<64 hex digits>`" in page
    assert blobs._REFERENCE.fullmatch(b'"blob":"' + b"a" * 64 + b'"')
    assert '`"blob":"<64 hex digits>"`' in page


def test_the_times_of_the_pages_are_those_of_the_code(page):
    assert garbage.LEFTOVER_SECONDS == 24 * 3600
    assert "after a day" in page
    guide = (DOCS / "repo.md").read_text()
    assert garbage.GRACE_SECONDS == 7 * 24 * 3600
    assert "for a week" in guide
    assert garbage.BLOB_SECONDS == 3600
    assert "an hour at least" in guide


def test_what_was_taken_lies_where_the_page_says(tmp_path):
    layout = new_repo(tmp_path)
    write_run(layout, 1)
    entry = Trash(layout)._take(hash_of(1))
    assert entry is not None
    place = Path(entry).relative_to(layout.root)
    assert re.fullmatch(r"trash/taken-[0-9a-f]{16}", str(place))
    assert (Path(entry) / "logs" / shard(hash_of(1)) / hash_of(1)).is_dir()
    assert Repo(layout).list_all_runs() == []
    Trash(layout).settle()
    assert Repo(layout).list_all_runs() == [hash_of(1)]
    assert not (Path(layout.root) / "trash").exists()
