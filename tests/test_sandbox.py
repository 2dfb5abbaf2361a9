"""A query is other people's text: nothing leads out of it, nothing can be changed, and its work is bounded."""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import aimql_repo
from evaluation import record_of, value_of, views_of
from hostile_corpus import EXHAUSTING
from runstone import QueryError, Repo
from runstone_indexer import Indexer
from runstone_query.aimql import NODES, _Checker, parse
from runstone_query.budget import Budget
from runstone_query.functions import Functions
from runstone_query.guards import TIME_VALUES, Guards, get_attribute
from runstone_query.methods import METHODS
from runstone_query.policy import compile_query
from runstone_query.reference import LabelView
from runstone_query.source import Source
from runstone_query.views import PROPERTIES, SEQUENCE_PROPERTIES


def is_refused(text: str, entity: str | None = None) -> bool:
    """Whether a query is refused when it is made."""
    try:
        compile_query(parse(text, entity))
    except QueryError:
        return True
    return False


def assert_refused(*texts: str) -> None:
    assert [text for text in texts if not is_refused(text)] == []


def assert_missing(*texts: str) -> None:
    """Allowed to be written, since a parameter may be called so; and leading nowhere."""
    params = {"opt": "adam", "layers": [1], "h": {"a": 1}}
    assert {text: value_of(text, params) for text in texts} == dict.fromkeys(texts)


# -- published holes, by number ------------------------------------------------------------------------------


def test_cve_2023_37271_generators_do_not_lead_to_frames() -> None:
    assert_refused(
        "[g.gi_frame.f_back.f_globals for g in [(y for y in [1])]]",
        "(x for x in [1]).gi_frame",
        "(x for x in [1]).gi_code",
        "(x for x in [1]).gi_yieldfrom",
        "run.f_back",
        "run.f_builtins",
        "run.tb_frame",
        "run.cr_frame",
        "run.ag_frame",
    )
    assert_missing("(x for x in [1]).send(None)", "(x for x in [1]).throw(1)", "(x for x in [1]).close()")


def test_cve_2023_41039_texts_do_not_format() -> None:
    assert_missing(
        "'{0.__class__}'.format(run)",
        "'{x.__init__.__globals__}'.format_map({'x': run})",
        "run.opt.format(run)",
        "('{0}' + '').format(run)",
        "['{0.__class__}'][0].format(run)",
    )
    assert_refused("str.format('{0.__class__}', run)", "str.format_map('{x}', {})", "f'{run.__class__}'")
    assert value_of("map(str, ['{0.__class__}'])") == ["{0.__class__}"]


def test_cve_2024_47532_there_is_no_exception_to_take_an_object_from() -> None:
    assert_refused(
        "try: 1\nexcept AttributeError as e: e.obj", "AttributeError", "string.Formatter()", "Exception.obj"
    )


def test_cve_2025_22153_statements_are_refused() -> None:
    assert_refused(
        "try: 1\nexcept* Exception: 2", "with run: 1", "def f(): 1", "class A: 1", "raise run", "del run"
    )


def test_cve_2026_55830_no_argument_can_shadow_a_guard() -> None:
    assert_refused(
        "(lambda _getattr_, /: 1)(2)",
        "(lambda _getitem_: 1)(2)",
        "[_getattr_ for _getattr_ in [1]]",
        "[1 for _read_0_ in [1]]",
        "_getattr_(run, 'x')",
        "max(_getattr_=1)",
        "dict(__builtins__=1)",
        "(_getattr_ := len)",
    )


def test_cve_2026_76825_no_formatter_is_in_reach() -> None:
    assert_refused(
        "string.Formatter().format('{0.__class__}', run)", "getattr(run, 'x')", "vars(run)", "dir(run)"
    )


def test_cve_2024_2195_a_search_runs_no_code() -> None:
    assert_refused(
        "__import__('os').system('id')",
        "eval('1')",
        "exec('1')",
        "compile('1', '', 'eval')",
        "open('/etc/passwd').read()",
        "().__class__.__base__.__subclasses__()",
        "run.__init__.__globals__['__builtins__']",
        "[].__class__.__mro__[1].__subclasses__()",
        "import os",
        "globals()",
        "breakpoint()",
        "print.__self__",
    )


def test_cve_2024_8238_nothing_of_the_process_can_be_read() -> None:
    assert_missing(
        "run.logger.os.environ", "run.logger.FileHandler('/tmp/x')", "run.os.environ", "run.sys.modules"
    )
    assert_refused("os.environ", "sys.modules", "run.__module__", "len.__self__", "datetime.__init__")


def test_cve_2025_5321_no_live_object_is_in_reach(tmp_path: Path) -> None:
    names = aimql_repo.build(tmp_path, names="eve fay")
    repo = Repo(tmp_path)
    for text in (
        "run.run.repo.delete_run(run.hash)",
        "run.repo.delete_run(run.hash) or True",
        "run.delete() or True",
        "metric.run.repo.path",
        "run.set('x', 1) or True",
        "run.add_tag('x') or True",
        "run.close() or True",
    ):
        try:
            len(repo.query_metrics(text) if text.startswith("metric") else repo.query_runs(text))
        except QueryError:
            continue
    assert set(repo.list_all_runs()) == set(names)
    assert_missing(
        "run.repo", "run.db", "run.logger", "run.meta_run_tree", "run.structured_run_cls", "run.proxy_cache"
    )


def test_restrictedpython_is_new_enough() -> None:
    """9.0 took sorted, zip, tuple and bytes out of its safe builtins: they go past the guards."""
    assert int(importlib.metadata.version("RestrictedPython").split(".")[0]) >= 9


# -- the allow-list --------------------------------------------------------------------------------------------


def node_classes() -> list[type[ast.AST]]:
    found: list[type[ast.AST]] = []
    left: list[type[ast.AST]] = [ast.AST]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return found


def visit(node: ast.AST) -> None:
    _Checker(Source("run.x", frozenset()), None)._visit(node, frozenset(), 0)


def test_every_node_of_this_python_is_allowed_by_name_or_refused() -> None:
    refused = [kind for kind in node_classes() if kind not in NODES]
    assert len(refused) > 60
    for kind in refused:
        with pytest.raises(QueryError, match="is not allowed in a query"):
            visit(ast.AST.__new__(kind))
    for kind in refused:
        if issubclass(kind, ast.operator | ast.unaryop | ast.cmpop | ast.boolop):
            with pytest.raises(QueryError, match="is not allowed in a query"):
                visit(ast.BinOp(ast.Constant(1), ast.AST.__new__(kind), ast.Constant(1)))


def test_a_node_that_nobody_knows_yet_is_refused() -> None:
    class Unheard(ast.expr):
        _fields = ("value",)

    class LikeAName(ast.Name):
        pass

    class Operator(ast.operator):
        pass

    for node in (
        Unheard(value=ast.Constant(1)),
        LikeAName("run", ast.Load()),
        ast.BinOp(ast.Constant(1), Operator(), ast.Constant(1)),
        ast.List([Unheard(value=ast.Constant(1))], ast.Load()),
        ast.ListComp(ast.Constant(1), [Unheard(value=ast.Constant(1))]),
    ):
        with pytest.raises(QueryError, match="is not allowed in a query"):
            visit(node)


def test_every_allowed_node_is_one_of_an_expression() -> None:
    parts = (
        ast.expr,
        ast.expr_context,
        ast.operator,
        ast.unaryop,
        ast.cmpop,
        ast.boolop,
        ast.comprehension,
        ast.keyword,
    )
    assert all(issubclass(kind, parts) for kind in NODES)
    assert not any(issubclass(kind, ast.stmt | ast.Del) for kind in NODES)


@pytest.mark.parametrize(
    "text",
    [
        "lambda: 1", "(x := 1)", "f'{1}'", "f''", "[*run.a]", "{**run.a}", "max(*run.a)", "dict(**run.a)", "await run",
        "(yield)", "(yield from run.a)", "[x async for x in run.a]", "1 << 2", "1 >> 2", "1 & 2", "1 | 2", "1 ^ 2", "~1",
        "run @ run", "1j", "b'x'", "...", "[x for run.a in [1]]", "[x for [a, b] in [1]]", "[x for x[0] in [1]]",
        "[x for *x, y in [1]]", "x = 1; y", "run.x += 1", "assert run", "run: int", "run if run", "not", "a.b.c", "@run",
        "match run: 1", "global run", "nonlocal x", "return run", "pass", "for x in run: x", "while 1: 1", "`run`",
    ],
)  # fmt: skip
def test_what_is_no_plain_expression_is_refused(text: str) -> None:
    assert_refused(text)


# -- what can be reached from values ---------------------------------------------------------------------------


def exposed() -> list[Any]:
    """Return a value of every type that an expression can have in its hands."""
    run, metric = views_of(record_of({"x": 1}))
    functions = list(Functions(Guards(Budget())).table().values())
    plain = ["a", 1, True, 0.5, None, b"x", [1], (1,), {1}, frozenset({1}), {"a": 1}, range(3), slice(1)]
    times = [datetime(2024, 1, 1), date(2024, 1, 1), time(5), timedelta(days=1)]
    views = [run, metric, run.attribute("metrics"), LabelView("loss", {})]
    return [*plain, *times, *views, *functions, (x for x in [1])]


def names_of(value: Any) -> list[str]:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return sorted({*dir(value), *dir(type(value)), *slots, "mro", "__dict__", "__class__", "__globals__"})


def test_only_listed_attributes_of_any_value_can_be_reached() -> None:
    reachable = {name: set(PROPERTIES) for name in ("RunView",)}
    reachable["SequenceView"] = set(SEQUENCE_PROPERTIES)
    reachable["LabelView"] = {"name", "context"}
    guards = Guards(Budget())
    plain = (str, int, float, bool, type(None), list, tuple, dict, set, datetime, date, time, timedelta)
    for value in exposed():
        kind = type(value).__name__
        for name in names_of(value):
            found = get_attribute(value, name)
            if name in reachable.get(kind, ()):
                assert isinstance(found, plain) or hasattr(found, "elements")
            elif isinstance(value, datetime | date | time | timedelta) and name in TIME_VALUES:
                assert found is None or isinstance(found, int)
            else:
                assert found is None, (kind, name)
            called = guards.call_method(value, name)
            if name not in METHODS.get(type(value), ()) and kind != "Function":
                assert called is None, (kind, name)
            assert not isinstance(called, ModuleType | FunctionType | FrameType | type), (kind, name)


def test_no_name_with_an_underscore_in_front_can_be_written() -> None:
    names = {name for value in exposed() for name in names_of(value) if name.startswith("_")}
    assert len(names) > 80
    for name in names:
        assert_refused(
            f"run.{name}",
            f"run.x.{name}()",
            f"[].{name}",
            f"{name}",
            f"[{name} for {name} in [1]]",
            f"max({name}=1)",
        )
    assert_refused("run.＿class", "run.\uff3f_class__", "run.x.__\u200dclass__")  # noqa: RUF001 - they look like it


def test_items_of_views_are_data_only() -> None:
    run, metric = views_of(record_of({"x": 1}))
    for view in (run, metric, run.attribute("metrics")):
        for name in names_of(view):
            if name not in SEQUENCE_PROPERTIES:
                assert view.item(name) is None
                assert view.call(name) is None


def test_types_and_their_ancestors_are_out_of_reach() -> None:
    assert_refused(
        "type(run)",
        "int.mro()",
        "set.mro()",
        "datetime.mro()",
        "object",
        "super()",
        "isinstance(run, object)",
    )
    assert_missing("run.mro()", "run.opt.mro", "(5).real", "(5).to_bytes(1)")


def test_functions_are_called_and_nothing_else_is() -> None:
    assert_missing(
        "run()", "run.opt()", "run.layers()", "[len][0].x", "{'a': len}['a'].function", "[run][0]()"
    )
    assert value_of("[len][0]('abc')") == 3
    assert value_of("{'a': len}.a('abc')") == 3
    assert value_of("[len, max][1]([1, 2])") == 2


def test_what_is_shown_of_a_value_has_no_address() -> None:
    for text in (
        "str(run)",
        "str(len)",
        "str([len, run, run.metrics])",
        "str({'a': datetime})",
        "str(datetime)",
    ):
        assert "0x" not in str(value_of(text))


# -- nothing changes -------------------------------------------------------------------------------------------

MUTATIONS = (
    "run.layers.append(1)", "run.layers.clear()", "run.layers.sort()", "run.layers.reverse()", "run.layers.pop()",
    "run.layers.extend([1])", "run.layers.insert(0, 1)", "run.layers.remove(64)", "run.h.clear()", "run.h.pop('a')",
    "run.h.update({'a': 2})", "run.h.setdefault('b', 1)", "run.h.popitem()", "run.tags.append('x')",
    "sorted(run.layers, reverse=True)", "reversed(run.layers)", "run.layers + [1]", "run.layers * 2",
    "run.h.get('a').clear()", "sum([run.layers], [])",
    "[x for x in run.layers]", "dict(run.h, b=2)", "list(run.layers).append(1)", "run.metrics.clear()",
    "metric.context.clear()", "metric.context.update({'a': 1})", "set(run.layers).union([1])", "run.h.items().clear()",
)  # fmt: skip


def test_no_expression_changes_what_a_view_shows() -> None:
    params = {"layers": [64, 32], "h": {"a": [1]}, "opt": "adam"}
    record = record_of(params)
    state = record.state.dump()
    before = copy.deepcopy((record.params, state["params"], state["props"], state["tags"]))
    for text in MUTATIONS:
        predicate, budget, _ = compile_query(parse(text, "metric"))
        budget.reset()
        predicate(*views_of(record))
    state = record.state.dump()
    assert (record.params, state["params"], state["props"], state["tags"]) == before


def fingerprint(folder: Path) -> str:
    """Return a hash of every name, size, time and byte in a folder."""
    made = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        made.update(str(path.relative_to(folder)).encode())
        if path.is_file() and not path.name.endswith(".lock"):
            made.update(f"{path.stat().st_mtime_ns}".encode() + path.read_bytes())
    return made.hexdigest()


def test_no_query_changes_a_byte_of_the_repository(tmp_path: Path) -> None:
    aimql_repo.build(tmp_path, names="ada eve")
    Indexer(tmp_path).run_once()
    repo = Repo(tmp_path)
    len(repo.query_runs())
    before = fingerprint(tmp_path)
    for text in (*MUTATIONS, "run.nope", "1 / 0", "run.repo.delete_run(run.hash)", "run.archived"):
        len(repo.query_metrics(text))
    assert fingerprint(tmp_path) == before


# -- work is bounded -------------------------------------------------------------------------------------------

CHILD = """
import contextlib, json, resource, sys
sys.path.insert(0, sys.argv[1])
from evaluation import record_of, views_of
from runstone_query.confinement import use_one_heap
import psutil
from runstone_query.aimql import parse
from runstone_query.policy import compile_query
from runstone_writer.errors import QueryError

use_one_heap()
record = record_of({"n": 9, "text": "a b", "big": list(range(30000)), "h": {"a": 1}, "layers": [1]})
def outcome(text):
    try:
        predicate, budget, _ = compile_query(parse(text))
        predicate(*views_of(record))
    except QueryError:
        return "refused"
    except Exception as error:
        return type(error).__name__
    return "answered"

outcome("matches(run.text, 'x') and [x for x in run.big]")
if sys.platform == "linux":
    limit = psutil.Process().memory_info().vms + 64 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
print(json.dumps([outcome(text) for text in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Evaluate everything in a process that may use 64 MiB more than it has."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(Path(__file__).parent)],
        input=json.dumps(EXHAUSTING),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(EXHAUSTING, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("text", EXHAUSTING, ids=lambda text: text[:60])
def test_an_expression_that_wants_too_much_ends_in_an_error(outcomes: dict[str, str], text: str) -> None:
    assert outcomes[text] in ("refused", "LimitError", "OverflowError", "ValueError")


def test_a_candidate_that_fails_is_skipped_counted_and_explained(tmp_path: Path) -> None:
    names = aimql_repo.build(tmp_path, names="ada bob eve")
    for index in (False, True):
        result = Repo(tmp_path, index=index).query_runs(
            "run.batch_size / run.hparams.zero > 1 or run.batch_size == 64"
        )
        assert [names[found] for found in result.hashes()] == ["bob"]
        assert result.skipped == 1
        ada = next(found for found, name in names.items() if name == "ada")
        assert result.first_error == f"run {ada}: ZeroDivisionError: division by zero"
        stopped = Repo(tmp_path, index=index).query_runs("'x' * 10**run.batch_size or True")
        assert [names[found] for found in stopped.hashes()] == ["eve"]
        assert stopped.skipped == 2
        assert "LimitError: the evaluation makes more than" in stopped.first_error


def test_what_cannot_be_caught_by_python_is_still_no_match() -> None:
    """Nothing in the language raises SystemExit or KeyboardInterrupt, as a generator's throw() would."""
    assert_missing("(x for x in [1]).throw(run)", "[g.throw for g in [(x for x in [1])]][0]")
    assert_refused("SystemExit", "(x for x in [1]).throw(SystemExit)", "exit()", "quit()")
