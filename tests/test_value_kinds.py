"""Values of every kind that people pass come back as docs/parameters.md says, or are refused by name."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import math
import subprocess
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

sys.path.insert(0, str(Path(__file__).parent))

from processes import QUIET
from runstone import Repo, Run, UsageError, ValueTypeError
from runstone_writer.kinds import ARRAY_BYTES, exact
from runstone_writer.values import decode, encode

PAGE = Path(__file__).resolve().parent.parent / "docs/parameters.md"


class Colour(enum.Enum):
    RED = enum.auto()


class Level(enum.IntEnum):
    HIGH = 7


class Word(enum.StrEnum):
    YES = "yes"


@dataclasses.dataclass(frozen=True)
class Optimizer:
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Any = None


Point = namedtuple("Point", "x y")


def kept(value: Any) -> Any:
    return exact(orjson.loads(orjson.dumps(encode(value, ("x",)))))


def plain(value: Any) -> Any:
    return decode(orjson.loads(orjson.dumps(encode(value, ("x",)))))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return (
            type(other) is np.ndarray
            and (one.dtype.str, one.shape) == (other.dtype.str, other.shape)
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, float | complex | Decimal):
        return type(one) is type(other) and repr(one) == repr(other)
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


# -- what comes back as itself -------------------------------------------------------------------------------------

elements = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.binary(max_size=5))
dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    hnp.unicode_string_dtypes(endianness="?"),
    hnp.byte_string_dtypes(),
)
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)))
offsets = st.integers(-23 * 3600, 23 * 3600).map(lambda seconds: timezone(timedelta(seconds=seconds)))
scalars = st.one_of(
    st.datetimes(timezones=st.none() | st.just(UTC) | offsets),
    st.dates(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
    st.builds(range, st.integers(), st.integers(), st.integers().filter(bool)),
    st.sets(elements | st.dates() | st.uuids(), max_size=4),
)
nested = st.recursive(
    scalars | arrays | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(nested)
def test_every_kind_comes_back_as_what_it_was_however_deep(value: Any) -> None:
    if isinstance(value, Decimal) and value.is_snan():
        assert str(kept(value)) == str(value)
    else:
        assert same(kept(value), value)


@given(nested)
def test_a_query_sees_nothing_but_plain_values(value: Any) -> None:
    def check(found: Any) -> None:
        assert type(found) in (type(None), bool, int, float, str, bytes, list, dict)
        if isinstance(found, list | dict):
            for item in found.values() if isinstance(found, dict) else found:
                check(item)

    check(plain(value))


@given(hnp.arrays(hnp.integer_dtypes() | hnp.boolean_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64)),
                  hnp.array_shapes(min_dims=1, min_side=0)))  # fmt: skip
def test_the_plain_view_of_an_array_is_numpys_own_list(array: Any) -> None:
    assert same(plain(array), array.tolist())


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/St_Johns"])
@pytest.mark.parametrize("fold", [0, 1])
def test_a_named_time_zone_comes_back_even_in_the_hour_that_comes_twice(zone: str, fold: int) -> None:
    try:
        moment = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo(zone))
    except LookupError:
        pytest.skip("no time zones on this machine")
    found = kept(moment)
    assert (found, found.tzinfo, found.utcoffset()) == (moment, moment.tzinfo, moment.utcoffset())


def test_a_zone_that_is_not_known_here_leaves_the_moment() -> None:
    found = exact({"$datetime": "2026-01-01T00:00:00+01:00[Mars/Olympus]"})
    assert found == datetime(2025, 12, 31, 23, tzinfo=UTC)


def test_a_frozenset_is_a_set_and_equal_sets_are_equal_json() -> None:
    assert same(kept(frozenset("ab")), {"a", "b"})
    assert encode({3, 1, 2}) == encode({2, 3, 1})


def test_what_is_read_may_be_changed_without_changing_the_run(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run["a"], run["s"] = {"x": [np.arange(3)]}, {1}
    run["a"]["x"][0][1] = 9
    run["s"].add(2)
    assert run["a", "x", 0, 1] == 1
    assert run["s"] == {1}


# -- what takes a plain form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (Colour.RED, "RED"),
        (Level.HIGH, 7),
        (Word.YES, "yes"),
        (Path("a/b"), "a/b"),
        (PurePosixPath("/x"), "/x"),
        (Optimizer(0.1), {"lr": 0.1, "betas": [0.9, 0.999], "schedule": None}),
        ({"o": [Optimizer(1.0, schedule=Colour.RED)]}, {"o": [{"lr": 1.0, "betas": [0.9, 0.999], "schedule": "RED"}]}),
        (argparse.Namespace(lr=0.1, out=Path("o")), {"lr": 0.1, "out": "o"}),
        (SimpleNamespace(a=SimpleNamespace(b={1})), {"a": {"b": {1}}}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Point(1, 2), [1, 2]),
        (bytearray(b"x"), b"x"),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float16(2), 2.0),
        (np.complex64(1 + 2j), 1 + 2j),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(2.5), 2.5),
    ],
    ids=repr,
)  # fmt: skip
def test_others_take_a_plain_form(value: Any, form: Any) -> None:
    assert same(kept(value), form)


def test_omegaconf_is_resolved(tmp_path: Path) -> None:
    omegaconf = pytest.importorskip("omegaconf")
    config = omegaconf.OmegaConf.create({"a": {"lr": 0.1, "twice": "${a.lr}"}, "layers": [1, "${a.lr}"]})
    assert kept({"config": config}) == {"config": {"a": {"lr": 0.1, "twice": 0.1}, "layers": [1, 0.1]}}


class Tensor:
    """What torch's tensors have that arrays are taken from; torch itself is too large for these tests."""

    def __init__(self, array: Any) -> None:
        self._array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        if self.dtype == bool:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array

    def __array__(self, *_: Any) -> Any:
        raise AssertionError("this copies from the GPU piece by piece")


def test_a_tensor_is_an_array_of_numpy() -> None:
    assert same(kept(Tensor(np.eye(2, dtype="f4"))), np.eye(2, dtype="f4"))
    with pytest.raises(ValueTypeError, match=r"parameter x .*BFloat16"):
        kept(Tensor(np.zeros(2, bool)))


def test_a_tensor_of_torch_is_an_array_of_numpy() -> None:
    torch = pytest.importorskip("torch")
    assert same(kept(torch.ones(2, 3, requires_grad=True)), np.ones((2, 3), "f4"))


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        object(), int, Optimizer, np.dtype("f4"), Fraction(1, 3), np.datetime64("2020-01-01"), np.array([object()]),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(microseconds=1))),
        np.ma.array([1, 2], mask=[0, 1]), np.zeros(2, "f4,i2"), {(1, 2)}, {frozenset()}, math.sqrt,
        memoryview(b"x"), np.zeros(2, np.longdouble), np.zeros((ARRAY_BYTES * 2, 0)), iter([1]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_would_come_back_as_something_else_is_refused_by_name(tmp_path: Path, value: Any) -> None:
    run = Run(repo=tmp_path, **QUIET)
    with pytest.raises(ValueTypeError, match=r"parameter h\.x has a value of type .* cannot be kept exactly"):
        run["h"] = {"x": value}
    assert run[...] == {}
    run.set("h", {"x": value}, strict=False)
    assert run["h", "x"] == repr(value)


def test_an_array_that_is_too_large_says_where_else_to_put_it() -> None:
    assert kept(np.zeros(ARRAY_BYTES // 8)).nbytes == ARRAY_BYTES
    with pytest.raises(ValueTypeError, match=r"262,152 bytes.*262,144.*artifact"):
        kept(np.zeros(ARRAY_BYTES // 8 + 1))


BROKEN = [
    {"$array": ["<f8", [2], "AAAA"]},
    {"$array": ["<f8", [-1], ""]},
    {"$array": ["|O", [0], ""]},
    {"$array": ["<f8", [10**9, 0], ""]},
    {"$array": ["<f8", [True], "AAAAAAAAAAA="]},
    {"$array": [8, [0], ""]},
    {"$array": []},
    {"$datetime": "yesterday"},
    {"$date": 5},
    {"$uuid": "x"},
    {"$complex": [1]},
    {"$range": [0, 1, 0]},
    {"$timedelta": "x"},
    {"$set": 5},
]


@pytest.mark.parametrize("data", BROKEN, ids=repr)
def test_what_no_writer_writes_is_an_error_of_that_line_alone(data: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)):
        decode(data)


@pytest.mark.parametrize("value", [{1}, np.zeros(2), date(2026, 1, 1), {"deep": [1j]}])
def test_a_context_holds_plain_values_alone(tmp_path: Path, value: Any) -> None:
    run = Run(repo=tmp_path, **QUIET)
    with pytest.raises(ValueTypeError, match="a context holds texts, numbers"):
        run.track(1.0, name="loss", context={"c": value})
    run.track(1.0, name="loss", context={"c": Path("p")})
    assert [metric.context.to_dict() for metric in run.metrics()] == [{"c": "p"}]


# -- where they are used -------------------------------------------------------------------------------------------

QUERIES = [
    "run.day == '2026-02-03'", "run.when > '2026-02-03T04' and run.when < '2026-02-03T06'", "run.limit == 90.5",
    "run.price < 0.2", "run.mean[1] == 2.5", "2.5 in run.mean", "len(run.mean) == 2", "'b' in run.names",
    "run.z == '(1+2j)'", "str(run.id).startswith('0000')", "run.eye[1][1] == 1 and run.eye[0][1] == 0",
    "run.steps == 'range(0, 10, 2)'", "run.opt.name == 'adam' and run.opt.colour == 'RED'",
    "run.get('nothing', 5) == 5", "not (run.day == 5)", "run.mean == [1.0, 2.5]",
]  # fmt: skip


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    with Run("kinds", repo=folder, create=True, **QUIET) as run:
        run[...] = {
            "day": date(2026, 2, 3), "when": datetime(2026, 2, 3, 5), "limit": timedelta(seconds=90.5),
            "price": Decimal("0.1"), "mean": np.array([1, 2.5], "f4"), "names": {"a", "b"}, "z": 1 + 2j,
            "id": UUID(int=5), "eye": np.eye(2, dtype=int), "steps": range(0, 10, 2),
            "opt": SimpleNamespace(name="adam", colour=Colour.RED),
        }  # fmt: skip
    for number in range(100):
        with Run(repo=folder, **QUIET) as run:
            run["day"], run["mean"] = number, {"x": number}
    return folder


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_them_by_their_plain_view(repo: Path, query: str, index: bool) -> None:
    found = Repo(repo, index=index).query_runs(f"run.hash == 'kinds' and ({query})")
    assert [item.hash for item in found] == ["kinds"]
    assert found.skipped == 0


def test_they_come_back_through_the_index(repo: Path) -> None:
    Repo(repo).query_runs("run.x == 1").explain()
    run = Repo(repo).get_run("kinds")
    assert run is not None
    assert same(run["mean"], np.array([1, 2.5], "f4"))
    assert same(run.get("when"), datetime(2026, 2, 3, 5))
    assert run["eye", 1, 1] == 1
    assert run.get("mean", resolve_objects=True) == [1.0, 2.5]
    pytest.importorskip("pandas")
    assert run.dataframe().loc[0, "day"] == "2026-02-03"


READER = """
import sys
from runstone_writer.replay import replay
from runstone_writer.layout import open_repo
from runstone_writer.state import RunState
layout, state = open_repo(sys.argv[1]), RunState("kinds")
assert replay(layout, state, layout.log_names("kinds"), lambda *_: None).problems == []
assert state.params.tree()["mean"] == [1.0, 2.5]
assert "numpy" not in sys.modules and "zoneinfo" not in sys.modules
"""


def test_a_log_is_read_without_numpy(repo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READER, str(repo)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- places in lists -----------------------------------------------------------------------------------------------


def test_a_place_in_a_list_is_set_and_the_list_stays_one(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run["a"] = [1, {"b": [2, 3]}, np.zeros(2)]
    run["a", 0] = 9
    run["a", 1, "b", 1] = {"x": date(2026, 1, 1)}
    run["a", 1, "c"] = None
    expected = [9, {"b": [2, {"x": date(2026, 1, 1)}], "c": None}]
    assert run["a"][:2] == expected
    assert same(run["a", 2], np.zeros(2))
    run.close()
    for index in (True, False):
        found = Repo(tmp_path, index=index).get_run(run.hash)
        assert found is not None
        assert found["a"][:2] == expected
        assert (
            len(Repo(tmp_path, index=index).query_runs("run.a[0] == 9 and run.a[1].b[1].x == '2026-01-01'"))
            == 1
        )


@pytest.mark.parametrize("key", [("a", 2), ("a", -1), ("arr", 0), ("n", 0), ("a", 5, "x"), ("s", 0)])
def test_a_place_that_is_not_there_is_refused(tmp_path: Path, key: Any) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run[...] = {"a": [1, 2], "arr": np.zeros(2), "n": 5, "s": {1}}
    with pytest.raises(UsageError, match="has no place"):
        run[key] = 1
    assert run["a"] == [1, 2]
    run["d", 5] = "a dictionary may have any number for a key"
    assert run["d"] == {5: "a dictionary may have any number for a key"}


def test_nothing_is_deleted_from_a_list(tmp_path: Path) -> None:
    run = Run(repo=tmp_path, **QUIET)
    run["a"] = [1, {"b": 2, "c": 3}]
    with pytest.raises(UsageError, match="nothing can be deleted"):
        del run["a", 0]
    del run["a", 1, "b"]
    assert run["a"] == [1, {"c": 3}]


# -- the page ------------------------------------------------------------------------------------------------------

NAMES: dict[str, Any] = {
    **{t.__name__: t for t in (date, datetime, timedelta, timezone, Decimal, UUID, Path, Point, SimpleNamespace)},
    "np": np, "ZoneInfo": ZoneInfo, "Namespace": argparse.Namespace, "nan": math.nan, "inf": math.inf,
    "Colour": Colour, "Level": Level, "Optimizer": Optimizer, "MappingProxyType": MappingProxyType,
}  # fmt: skip


def table_rows() -> list[list[str]]:
    if not PAGE.exists():
        return []
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.checkout
@pytest.mark.parametrize("row", table_rows(), ids=lambda row: row[0])
def test_the_table_of_the_page_is_true(row: list[str]) -> None:
    given_value, comes_back, seen = row[0], row[1], row[2]
    value = eval(given_value, NAMES)
    expected = value if comes_back == "itself" else eval(comes_back, NAMES)
    assert same(kept(value), expected)
    assert same(plain(value), expected if seen == "the same" else eval(seen, NAMES))


@pytest.mark.checkout
def test_the_page_has_every_kind_and_the_limit() -> None:
    text = PAGE.read_text()
    assert len(table_rows()) > 20
    assert f"{ARRAY_BYTES // 1024} KiB" in text
