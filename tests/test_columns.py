"""Files of columns: plain npz archives for anyone, one mmap for us, every bit under a checksum."""

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from runstone_indexer import columns as module
from runstone_indexer.columns import (
    ALIGNMENT,
    CRCS,
    Columns,
    DamagedColumnsError,
    remove_columns,
    write_columns,
)

TABLE = {
    "whole": np.arange(10, dtype=np.int64),
    "real": np.linspace(0, 1, 7),
    "bytes": np.frombuffer(b"hello", np.uint8),
    "names": np.array([b"a", b"bcd"]),
    "flags": np.array([True, False]),
    "empty": np.zeros(0),
}


def write(folder: Path, table: dict[str, np.ndarray] | None = None) -> dict:
    return write_columns(str(folder / "x.npz"), TABLE if table is None else table)


@given(
    st.dictionaries(
        st.text("abcdefgh_", min_size=1, max_size=60),
        arrays.arrays(st.sampled_from(["i8", "f8", "u1", "u4", "i4", "u8", "S5", "?"]), st.integers(0, 50)),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_columns_are_read_back_by_mapping_and_by_numpy(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("columns")
    entry = write(folder, table)
    mapped = Columns(str(folder), entry)
    with np.load(folder / "x.npz", allow_pickle=False) as loaded:
        assert sorted(set(loaded) - {"crc"}) == sorted(table) == sorted(mapped)
        for name, array in table.items():
            for found in (mapped[name], loaded[name]):
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)
    assert mapped.damage() is None


def test_the_data_of_each_column_is_aligned_and_where_the_manifest_says(tmp_path):
    entry = write(tmp_path)
    data = (tmp_path / "x.npz").read_bytes()
    assert entry["file"] == "x.npz"
    assert entry["size"] == len(data)
    for name, (dtype, length, offset) in entry["columns"].items():
        assert offset % ALIGNMENT == 0
        if name == CRCS:  # one for each column here, but for the empty ones
            assert length == sum(array.nbytes > 0 for array in TABLE.values())
            continue
        assert data[offset : offset + TABLE[name].nbytes] == TABLE[name].tobytes()
        assert (np.dtype(dtype), length) == (TABLE[name].dtype, len(TABLE[name]))


def test_columns_of_more_than_two_gigabytes_are_laid_out_with_wider_fields(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGE", 40)
    test_the_data_of_each_column_is_aligned_and_where_the_manifest_says(tmp_path)
    with np.load(tmp_path / "x.npz") as loaded:
        np.testing.assert_array_equal(loaded["whole"], TABLE["whole"])


def test_the_same_columns_make_the_same_bytes(tmp_path):
    write(tmp_path)
    first = (tmp_path / "x.npz").read_bytes()
    os.unlink(tmp_path / "x.npz")
    write(tmp_path)
    assert (tmp_path / "x.npz").read_bytes() == first


def test_a_flipped_bit_in_any_byte_of_the_data_is_found(tmp_path):
    entry = write(tmp_path)
    path, data = tmp_path / "x.npz", bytearray((tmp_path / "x.npz").read_bytes())
    for dtype, length, offset in entry["columns"].values():
        for at in range(offset, offset + np.dtype(dtype).itemsize * length):
            data[at] ^= 1 << (at % 8)
            path.write_bytes(data)
            try:
                found = Columns(str(tmp_path), entry).damage() or ""
            except DamagedColumnsError as error:  # in the checksums themselves
                found = str(error)
            assert "checksum" in found
            data[at] ^= 1 << (at % 8)


def test_a_file_that_is_no_archive_any_more_is_damaged(tmp_path):
    entry = write(tmp_path)
    columns = Columns(str(tmp_path), entry)
    (tmp_path / "x.npz").unlink()
    (tmp_path / "x.npz").write_bytes(bytes(entry["size"]))
    assert columns.damage()
    with pytest.raises(DamagedColumnsError):
        Columns(str(tmp_path), entry)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_file_of_another_size_is_not_opened(tmp_path, size):
    entry = write(tmp_path)
    os.truncate(tmp_path / "x.npz", size)
    with pytest.raises(OSError, match="bytes"):
        Columns(str(tmp_path), entry)


def test_a_missing_file_is_not_opened(tmp_path):
    entry = write(tmp_path)
    remove_columns(str(tmp_path), {"x.npz", "y.npz"})
    with pytest.raises(FileNotFoundError):
        Columns(str(tmp_path), entry)


def test_a_reader_keeps_what_it_has_mapped_when_the_file_is_deleted(tmp_path):
    mapped = Columns(str(tmp_path), write(tmp_path))
    remove_columns(str(tmp_path), {"x.npz"})
    np.testing.assert_array_equal(mapped["real"], TABLE["real"])


def test_nobody_can_write_into_a_column(tmp_path):
    array = Columns(str(tmp_path), write(tmp_path))["whole"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5


def test_a_file_is_never_written_over(tmp_path):
    write(tmp_path)
    before = (tmp_path / "x.npz").read_bytes()
    with pytest.raises(FileExistsError):
        write(tmp_path, {"other": np.arange(3)})
    assert (tmp_path / "x.npz").read_bytes() == before


def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_archive_is_stored_without_compression(tmp_path):
    write(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert [info.filename for info in archive.infolist()] == [f"{name}.npy" for name in (*TABLE, CRCS)]


def test_where_another_host_may_remove_a_file_it_is_read_from_a_copy(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "is_remote", lambda device: True)
    entry = write(tmp_path)
    columns = Columns(str(tmp_path), entry)
    (tmp_path / "x.npz").write_bytes(b"")  # whoever maps the file itself is killed now
    for name, column in TABLE.items():
        np.testing.assert_array_equal(columns[name], column)


def test_every_flipped_bit_of_a_column_is_noticed_when_it_is_looked_at(tmp_path):
    path = tmp_path / "x.npz"
    entry = write_columns(str(path), {"a": np.arange(30), "b": np.zeros(0, np.uint8), "c": np.arange(9.0)})
    data = path.read_bytes()
    for name in ("a", "c"):
        dtype, length, offset = entry["columns"][name]
        for place in range(offset, offset + length * np.dtype(dtype).itemsize):
            path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
            columns = Columns(str(tmp_path), entry)
            with pytest.raises(DamagedColumnsError, match="reindex"):
                columns[name]
            with pytest.raises(DamagedColumnsError):
                columns.part(name, 0, length)
            assert len(columns["b"]) == 0


def test_a_part_is_verified_by_blocks_and_its_own_checksums_are_too(tmp_path):
    path = tmp_path / "x.npz"
    entry = write_columns(str(path), {"a": [np.arange(20_000), np.arange(20_000)]})
    _, _, offset = entry["columns"]["a"]
    data = bytearray(path.read_bytes())
    data[offset + 3 * 65_536] ^= 1
    path.write_bytes(data)
    columns = Columns(str(tmp_path), entry)
    assert columns.part("a", 5, 8).tolist() == [5, 6, 7]
    assert columns.length("a") == 40_000
    with pytest.raises(DamagedColumnsError, match="checksum mismatch in a"):
        columns.part("a", 30_000, 30_001)
    data[entry["columns"]["crc"][2]] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedColumnsError):
        Columns(str(tmp_path), entry)


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 20_000)), max_size=6), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_several_parts_are_what_each_is_alone_and_as_well_verified(tmp_path_factory, spans, damaged):
    folder = tmp_path_factory.mktemp("columns")
    entry = write(folder, {"a": np.arange(30_000)})  # 240,000 bytes: four blocks of 65,536
    path = folder / "x.npz"
    data = bytearray(path.read_bytes())
    data[entry["columns"]["a"][2] + damaged * module.BLOCK + 9] ^= 1
    path.unlink()
    path.write_bytes(data)
    starts = np.array([start for start, _ in spans], dtype=np.int64)
    ends = np.minimum(np.array([start + count for start, count in spans], dtype=np.int64), 30_000)

    def alone():
        columns = Columns(str(folder), entry)
        return [columns.part("a", start, end).tolist() for start, end in zip(starts, ends, strict=True)]

    try:
        expected = alone()
    except DamagedColumnsError:
        with pytest.raises(DamagedColumnsError):
            Columns(str(folder), entry).parts("a", starts, ends)
    else:
        found = Columns(str(folder), entry).parts("a", starts, ends)
        assert [part.tolist() for part in found] == expected


def test_a_column_may_be_made_when_its_turn_comes(tmp_path):
    path = tmp_path / "x.npz"
    turns = []

    def made(name, column):
        turns.append((name, path.stat().st_size))
        return column

    entry = write_columns(
        str(path),
        {
            "a": lambda: made("a", np.arange(200_000)),
            "b": np.arange(3.0),
            "c": lambda: made("c", [np.arange(2), np.arange(2)]),
        },
    )
    assert [name for name, _ in turns] == ["a", "c"]
    assert turns[0][1] == 0 < 8 * 200_000 <= turns[1][1]
    columns = Columns(str(tmp_path), entry)
    assert columns["a"].tolist() == list(range(200_000))
    assert columns["c"].tolist() == [0, 1, 0, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_released_takes_no_memory_and_is_there_when_it_is_looked_at(tmp_path):
    entry = write_columns(str(tmp_path / "x.npz"), {"a": np.arange(4_000_000)})
    columns = Columns(str(tmp_path), entry)

    def mapped():
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssFile:")[1].split()[0]) * 1024

    assert columns["a"].sum() == sum(range(4_000_000))
    before = mapped()
    columns.release()
    assert before - mapped() > 24_000_000
    assert columns["a"].sum() == sum(range(4_000_000))
