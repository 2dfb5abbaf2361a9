"""What stands in no source: what runs code that came as data, unpacks what came from outside, or makes markup of text.

The exceptions were looked at, and are named one by one, with how often they stand there.
"""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

TOP = Path(__file__).resolve().parent.parent
ROOMS = (
    "writer/runstone_writer",
    "indexer/runstone_indexer",
    "query/runstone_query",
    "ui/runstone_ui",
    "sdk/runstone",
)
CALLS = {"eval", "exec", "compile", "__import__", "extractall", "unpack_archive", "system", "popen", "mktemp"}
MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "tarfile",
    "xmlrpc", "xml", "lxml", "telnetlib", "ftplib", "runpy", "code", "imp", "commands",
}  # fmt: skip
KEYWORDS = {("shell", True), ("allow_pickle", True), ("weights_only", False), ("verify", False)}
MARKUP = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|createContextualFragment|DOMParser|srcdoc"
    r"|document\.write(?:ln)?|eval\s*\(|execScript|importScripts|new\s+Function\b|setTimeout\s*\(\s*[\"'`]"
    r"|setInterval\s*\(\s*[\"'`]|javascript:)"
)
# file -> what stands there, and how often
REVIEWED = {
    # Compiled and evaluated is what RestrictedPython has made of an expression that aimql.parse let pass.
    "query/runstone_query/policy.py": {"eval": 1, "compile": 1},
}
REVIEWED_MARKUP: dict[str, dict[str, int]] = {}


def python() -> list[str]:
    return sorted(str(path.relative_to(TOP)) for room in ROOMS for path in (TOP / room).rglob("*.py"))


def scripts() -> list[str]:
    page = TOP / "ui/web"
    found = [*(page / "src").rglob("*"), *page.glob("*.html"), *(page / "public").rglob("*")]
    kinds = {".ts", ".tsx", ".js", ".mjs", ".html", ".svg"}
    return sorted(
        str(path.relative_to(TOP)) for path in found if path.suffix in kinds and ".test." not in path.name
    )


def found_in(source: str) -> Counter[str]:
    """Return what is not allowed, and how often it stands there."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                found.update(alias.name for alias in names if alias.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), level=0):
                found.update([module] if module.partition(".")[0] in MODULES else [])
            case ast.Call(func, _, keywords):
                found.update(_called(func))
                given = [(k.arg, k.value.value) for k in keywords if isinstance(k.value, ast.Constant)]
                found.update(f"{name}={value}" for name, value in given if (name, value) in KEYWORDS)
    return found


def _called(func: ast.expr) -> list[str]:
    """Return the name of a call that is not allowed. A pattern may be compiled, by whatever engine."""
    name = getattr(func, "id", getattr(func, "attr", ""))
    is_pattern = isinstance(func, ast.Attribute) and getattr(func.value, "id", "") in ("re", "re2")
    return [name] if name in CALLS and not is_pattern else []


def markup_in(text: str) -> Counter[str]:
    return Counter(re.split(r"\s|\(", match)[0] for match in MARKUP.findall(text))


@pytest.mark.parametrize("module", python())
def test_nothing_runs_or_unpacks_what_came_as_data(module):
    assert dict(found_in((TOP / module).read_text())) == REVIEWED.get(module, {})


@pytest.mark.parametrize("script", scripts())
def test_the_page_makes_no_markup_of_text_and_no_code(script):
    assert dict(markup_in((TOP / script).read_text())) == REVIEWED_MARKUP.get(script, {})


def test_every_room_is_looked_at():
    assert {module.split("/")[1] for module in python()} == {Path(room).name for room in ROOMS}
    assert len(scripts()) > 50
    assert set(REVIEWED) <= set(python())
    assert set(REVIEWED_MARKUP) <= set(scripts())


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "exec(x)", "compile(x, '', 'exec')", "builtins.eval(x)", "__import__('os')", "import pickle",
        "from pickle import loads", "def f():\n    import pickle", "np.load(f, allow_pickle=True)", "import marshal",
        "subprocess.run(x, shell=True)", "tar.extractall()", "import tarfile", "os.system('x')", "import yaml",
        "torch.load(f, weights_only=False)", "from xml.etree import ElementTree", "requests.get(u, verify=False)",
    ],
)  # fmt: skip
def test_what_is_forbidden_would_be_found(source):
    assert found_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "node.innerHTML = text", "<p dangerouslySetInnerHTML={{ __html: text }} />", "document.write(text)", "eval(text)",
        "new Function(text)", "setTimeout('run()', 1)", "node.insertAdjacentHTML('x', text)", "<a href='javascript:x'>",
        "new DOMParser()", "<iframe srcdoc={text} />", "node.outerHTML = text",
    ],
)  # fmt: skip
def test_what_is_forbidden_in_the_page_would_be_found(source):
    assert markup_in(source)


def test_what_is_harmless_is_not_found():
    assert not found_in(
        "import re, re2\nre.compile('x')\nre2.compile(y)\nast.literal_eval(x)\nnp.load(f)\nd.get('eval')"
    )
    assert not markup_in("node.textContent = text; setTimeout(() => run(), 1); evaluate(text); retrieval()")
