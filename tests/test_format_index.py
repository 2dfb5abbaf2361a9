"""docs/format/index.md and the index say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from runstone import Run
from runstone_indexer import Indexer
from runstone_indexer.columns import ALIGNMENT
from runstone_indexer.manifest import INDEX_FORMAT, manifest_path
from runstone_indexer.states import ARCHIVED, DELETED, ENDED, KNOWN

pytestmark = pytest.mark.checkout

PAGE_PATH = Path(__file__).parent.parent / "docs/format/index.md"
PAGE = PAGE_PATH.read_text() if PAGE_PATH.exists() else ""


def names(heading: str) -> list[str]:
    """Return the first cells of the table below a heading."""
    below = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line.split("|")[1].strip() for line in below.splitlines() if line.startswith("|")][2:]


@pytest.fixture
def manifest(tmp_path: Path) -> dict[str, object]:
    with Run(repo=tmp_path, system_tracking_interval=None, capture_terminal_logs=False) as run:
        run["hparams"] = {"lr": 0.1, "big": 2**70}
        for step in (0, 1, 5, 6):
            run.track(step if step % 2 else 0.5, name="loss", epoch=step, context={"a": 1})
    indexer = Indexer(tmp_path)
    indexer.run_once()
    data: dict[str, object] = orjson.loads(Path(manifest_path(indexer.layout)).read_bytes())
    data["folder"] = str(Path(manifest_path(indexer.layout)).parent)
    return data


def test_the_manifest_has_the_fields_of_the_page(manifest: dict[str, object]) -> None:
    assert set(manifest) - {"folder", "crc"} == set(names("The manifest"))
    assert manifest["format"] == INDEX_FORMAT
    assert f"index/v{INDEX_FORMAT}/" in PAGE


@pytest.mark.parametrize(("kind", "heading"), [("states", "State files"), ("series", "Series files")])
def test_files_have_the_columns_of_the_page_and_numpy_reads_them(
    manifest: dict[str, object], kind: str, heading: str
) -> None:
    entry = manifest[kind][0]  # type: ignore[index]
    assert sorted(entry["columns"]) == sorted(names(heading))
    path = Path(str(manifest["folder"]), str(manifest["epoch"]), entry["file"])
    with np.load(path) as archive:
        assert sorted(archive.files) == sorted(entry["columns"])
        for name, (dtype, length, offset) in entry["columns"].items():
            assert (archive[name].dtype.str, len(archive[name])) == (dtype, length)
            assert offset % ALIGNMENT == 0


def test_the_flags_of_the_page_are_those_of_the_code() -> None:
    assert f"{ARCHIVED} archived, {DELETED} deleted, {KNOWN} known" in PAGE
    assert f"{ENDED} ended" in PAGE
