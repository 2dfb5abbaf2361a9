"""Hostile expressions by the thousand: each has to be refused or to end soon, in little memory, and change nothing.

    python tools/fuzz/hostile.py [--count N] [--seed S]

Expressions are known escapes and what becomes of them when they are mutated, nested exhaustion, valid AimQL with
hostile parts, and token soup. A child process answers them on a small repository, with 64 MiB more memory than it
has when it begins; strace, where there is one, watches what it asks of the system. Two negative controls show that
the measurement would notice: one takes a limit away, one lets a query open files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "property")]

import expressions

import aimql_repo
from hostile_corpus import ESCAPES, EXHAUSTING

SECONDS = 0.25
MEMORY = 64 * 1024 * 1024
HANG_SECONDS = 20
CANARY = "a secret of the environment"
SABOTAGES = ("uncounted", "opens files")
WATCHED = (
    "open,openat,creat,socket,connect,bind,execve,execveat,fork,vfork,clone,clone3,kill,unlink,unlinkat,rename,renameat,"
    "renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmod,chown,ptrace"
)

Question = tuple[str | None, str]  # the entity (None: runs), and the expression


class Hostile:
    """Makes hostile expressions, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def questions(self, count: int) -> Iterator[Question]:
        known = [*ESCAPES, *EXHAUSTING]
        for number in range(count):
            text = known[number] if number < len(known) else self._another()
            entity = "metric" if "metric" in text or self._random.random() < 0.2 else None
            yield entity, text

    def _another(self) -> str:
        roll = self._random.random()
        if roll < 0.35:
            return self._mutated(self._random.choice(ESCAPES))
        if roll < 0.75:
            return self._exhausting(self._random.randrange(1, 5))
        if roll < 0.9:
            grammar = expressions.Grammar(self._random, None)
            return f"{grammar.expression()} or {self._mutated(self._exhausting(2))}"
        return self._soup()

    # -- escapes -----------------------------------------------------------------------------------------

    def _mutated(self, text: str) -> str:
        for _ in range(self._random.randrange(3)):
            text = self._wrapped(text) if self._random.random() < 0.6 else self._misspelt(text)
        return text

    def _wrapped(self, text: str) -> str:
        form = self._random.choice(
            (
                "({})", "[{}][0]", "[x for x in [{}]]", "any({} for x in [1])", "({}) or True", "not ({})", "str({})",
                "max({}, 1)", "run[{}]", "run.x == ({})", "{{1: {}}}[1]", "({}) if True else 1", "run.text.startswith({})",
                "({}).x", "({})()", "({})[0]", "[{} for x in run.big]", "{{x: {} for x in [1]}}", "{{{}}}", "map(str, [{}])",
                "sorted([{}])", "({}).y(run)", "{} = 1", "({}\n# comment\n)", "run.metrics[{}].last", "0 < ({}) < 1",
                "[[{} for y in [1]] for x in [1]]", "len({})", "isinstance(run, {})", "dict(a={})", "timedelta(days={})",
            )
        )  # fmt: skip
        return form.format(text)

    def _misspelt(self, text: str) -> str:
        random = self._random
        place = random.randrange(len(text) + 1)
        roll = random.random()
        if roll < 0.25:
            return text.replace("_", "\uff3f")
        if roll < 0.4:
            return text.replace("class", "cl\u1d43ss").replace("o", "\U0001d5c8", 1)
        if roll < 0.55:
            return (
                text[:place]
                + random.choice(("\\\n", "\t", "\x0c", " # x\n", "\u00a0", "\u2028", "\ufeff"))
                + text[place:]
            )
        if roll < 0.7:
            return text[:place] + text[place + 1 :]
        if roll < 0.85:
            other = random.choice(ESCAPES)
            return text[:place] + other[random.randrange(len(other)) :]
        return text.replace(
            "run", random.choice(("metric.run", "metric", "run.metrics", "x", "'run'", "len", "datetime"))
        )

    # -- exhaustion --------------------------------------------------------------------------------------

    def _number(self) -> int:
        return int(10 ** self._random.uniform(0, self._random.choice((3, 5, 7, 12))))

    def _leaf(self) -> str:
        n, m = self._number(), self._number()
        return self._random.choice(
            (
                f"'a' * {n}", f"'ß' * {n}", f"'a b\\n' * {n}", f"[0] * {n}", f"range({n})", "run.big", "run.text", "run.n", f"{n}",
                f"10**{min(n, 5000)}", f"list(range({n}))", f"[run.text * {n}]", f"['x' * {n}] * {m}", f"[[0] * {n}] * {m}",
                f"[i * (2**61 - 1) for i in range({n})]", f"(i * run.n for i in range({n}))", f"{n}.5", "run.layers", "run.h",
                f"[(i, str(i)) for i in range({n})]", "datetime.now()", f"timedelta(days={min(n, 10**8)})", f"-{n}", "run.metrics", "run",
                f"((((1,) * {n},) * {m},) * {n},) * 99", f"'a' * {n} + 'b' + 'a' * {m}", f"(1,) * {n}", f"[run.text] * {n}", f"'9' * {n}", f"'%Y' * {n}", "run.nope", "metric.run" if n > 9 else "run.hash",
            )
        )  # fmt: skip

    def _exhausting(self, depth: int) -> str:
        if depth <= 0:
            return self._leaf()
        a = self._exhausting(depth - 1)
        b = self._exhausting(self._random.randrange(depth))
        n = self._number()
        form = self._random.choice(
            (
                "sorted({a})", "set({a})", "sum({a})", "str({a})", "list({a})", "max({a})", "min({a})", "({a}) == ({b})",
                "({a}) in ({b})", "','.join({a})", "({b}).join({a})", "({a}).split({b})", "({a}).rsplit({b})", "({a}).rfind({b})",
                "({a}).replace('a', {b})", "({a}).upper()", "({a}).strip({b})", "({a}) + ({b})", "({a}) * ({b})", "({a}) ** ({b})",
                "({a}) % ({b})", "({a}) // ({b})", "{{x: {b} for x in {a}}}", "{{x for x in {a}}}", "[{b} for x in {a}]",
                "[x for x in {a} if x == ({b})]", "[x for x in {a} for y in {b}]", "dict(zip({a}, {b}))", "map(str, {a})",
                "({a})[{n}:]", "({a})[::-1]", "({a}).count({b})", "({a}).index({b})", "matches({a}, 'a*a*b')", "matches('a', {a})",
                "round({a}, {n})", "int({a})", "float({a})", "enumerate({a})", "reversed({a})", "all(x in ({b}) for x in {a})",
                "any(x == y for x in {a} for y in {b})", "[{a}] * {n}", "({a},) * {n}", "[({a})] == [({b})]", "({a}) < ({b})",
                "frozenset({a}) - frozenset({b})", "set({a}).union({b})", "({a}).zfill({n})", "({a}).splitlines()", "bin({a})",
                "divmod({a}, {b})", "pow({a}, {b})", "range({a})", "len({a}) > {n}", "isinstance({a}, str)", "abs({a})",
                "({a}).strftime({b})", "datetime.strptime({a}, {b})", "datetime.fromisoformat({a})", "timedelta(days={a})",
                "run.metrics[{a}, {{'a': {b}}}]", "run[{a}]", "run.get({a}, {b})", "({a}).startswith({b})", "({a}).partition({b})",
                "{{{a}: 1}}", "{{{a}, {b}}}", "{{{a}: 1}}[{b}]", "run.h.get({a})", "({a}) in run", "run.h[{a}:{b}]", "run[{a}, {b}]",
                "filter(None, {a})", "sum({a}, {b})", "[[y for y in {b}] for x in {a}]", "({a}) is ({b})", "not ({a})", "-({a})",
                "({a}) if ({b}) else 1", "0 < ({a}) < ({b})", "({a}).casefold().title()", "{{1: {a}}} == {{1: {b}}}", "chr({a})",
            )
        )  # fmt: skip
        return form.format(a=a, b=b, n=n)

    # -- nonsense ----------------------------------------------------------------------------------------

    def _soup(self) -> str:
        random = self._random
        words = (
            "run", "metric", ".x", "[0]", "(", ")", "[", "]", "{", "}", "==", "=", "<", "and", "or", "not", "in", "is", "for", "x",
            "if", "else", "lambda", ":", ",", "'", '"', "\\", "\n", "1", "1e9", "0x", "'a'", "#", "**", "*", "%", "~", "@", ":=", "...",
            "None", "__class__", "len", "\u00e9", "\U0001f600", "\x00", "\ud800", "f'", "b'", "r'", "'''", ";", "!", "&&", "$", "?",
        )  # fmt: skip
        return random.choice(("", " ")).join(random.choice(words) for _ in range(random.randrange(1, 60)))


@dataclass
class Report:
    """What became of a campaign."""

    seed: int
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    watched: bool = False

    @property
    def count(self) -> int:
        return self.outcomes.total()

    def show(self, title: str) -> None:
        """Print it."""
        print(
            f"{title}: {self.count} expressions, seed {self.seed}, strace {'on' if self.watched else 'not here'}"
        )
        for outcome, count in self.outcomes.most_common():
            print(f"  {count:7,}  {outcome}")
        for seconds, outcome, text in self.slowest[:5]:
            print(f"  {seconds * 1000:6.1f} ms  {outcome:12}  {text[:100]!r}")
        for failure in self.failures[:10]:
            print(f"  FAILED: {failure[:300]}")
        print(f"  {len(self.failures)} failures")


def campaign(seed: int, count: int, *, sabotage: str = "", watch: bool = True, timed: bool = True) -> Report:
    """Ask `count` questions; `timed` makes more than SECONDS for one of them a failure."""
    report = Report(seed)
    with tempfile.TemporaryDirectory(prefix="runstone-hostile-") as folder:
        path, cwd = Path(folder, "repo"), Path(folder, "empty")
        cwd.mkdir()
        build(path)
        before = fingerprint(path)
        trace = Path(folder, "trace") if watch and shutil.which("strace") else None
        report.watched = trace is not None
        child = Child(path, cwd, trace, sabotage)
        try:
            for entity, text in Hostile(seed).questions(count):
                outcome, seconds = child.ask(entity, text)
                if timed and seconds > SECONDS:  # once more: others use this machine too
                    outcome, seconds = child.ask(entity, text)
                report.outcomes[outcome] += 1
                report.slowest.append((seconds, outcome, text))
                if outcome in ("MemoryError", "hung", "died", "RecursionError", "SystemError"):
                    report.failures.append(f"{outcome}: {text!r}")
                if CANARY in outcome:
                    report.failures.append(f"the environment came out: {text!r}")
                if timed and seconds > SECONDS:
                    report.failures.append(f"{seconds:.3f} s: {text!r}")
                if sabotage and report.failures:
                    break  # it was noticed: that is all that a negative control is for
                if len(report.slowest) > 1000:
                    report.slowest = sorted(report.slowest, reverse=True)[:10]
        finally:
            report.failures += child.close()
        report.slowest = sorted(report.slowest, reverse=True)[:10]
        if fingerprint(path) != before:
            report.failures.append("the repository has changed")
        if any(cwd.iterdir()):
            report.failures.append(f"files were made: {[made.name for made in cwd.iterdir()]}")
        if trace is not None:
            report.failures += list(side_effects(trace))
    return report


def build(path: Path) -> None:
    """Write two runs with something to work on, indexed."""
    from runstone import Run
    from runstone_indexer import Indexer

    aimql_repo.build(path, names="ada")
    run = Run(repo=str(path), system_tracking_interval=None, capture_terminal_logs=False)
    for key, value in {
        "n": 9,
        "text": "a b",
        "big": list(range(30_000)),
        "layers": [1, 2],
        "h": {"a": 1},
    }.items():
        run[key] = value
    run.track(1.0, name="loss")
    run.close()
    Indexer(path).run_once()


def fingerprint(folder: Path) -> str:
    made = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(".lock"):
            made.update(f"{path.relative_to(folder)} {path.stat().st_mtime_ns}".encode() + path.read_bytes())
    return made.hexdigest()


class Child:
    """The process that answers. One that hangs or dies is replaced."""

    def __init__(self, repo: Path, cwd: Path, trace: Path | None, sabotage: str) -> None:
        self._command = [sys.executable, str(HERE / "hostile_child.py"), str(repo), sabotage]
        if trace is not None:
            strace = [
                "strace",
                "-f",
                "--seccomp-bpf",
                "-qq",
                "-A",
                "-s",
                "300",
                "-e",
                f"trace={WATCHED}",
                "-o",
                str(trace),
            ]
            self._command = [*strace, *self._command]
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, entity: str | None, text: str) -> tuple[str, float]:
        """Return what became of a question (an error's name, "refused", "answered"), and the seconds it took."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.perf_counter()
        try:
            process.stdin.write(json.dumps([entity, text]).encode() + b"\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], HANG_SECONDS)[0]:
                self._end(kill=True)
                return "hung", time.perf_counter() - began
            reply = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            self._end(kill=True)
            return "died", time.perf_counter() - began
        return str(reply[0]), float(reply[1])

    def close(self) -> list[str]:
        """End it. Returns what it noticed about itself."""
        if self._process is None:
            return []
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        said = process.stdout.read()
        process.stdout.close()
        process.wait()
        self._process = None
        return list(json.loads(said)) if said else ["the process did not end by itself"]

    def _start(self) -> None:
        environment = {**os.environ, "CANARY": CANARY}
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, env=environment, cwd=self._cwd, start_new_session=True
        )
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        self._process = process

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        if kill:  # strace as well as the process under it
            os.killpg(process.pid, signal.SIGKILL)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def side_effects(trace: Path) -> Iterator[str]:
    """Yield what the child asked of the system, after it was ready, that no query may ask."""
    ready: set[str] = set()
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, call = line.partition(" ")
        if "hostile-begins-here" in call:
            ready.add("all")
        if "hostile-ends-here" in call:
            ready.clear()
        if not ready or "hostile-" in call or "resumed>" in call:
            continue
        name = call.strip().partition("(")[0]
        if name in ("open", "openat"):
            if (
                re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", call)
                and ".tantivy-meta.lock" not in call
            ):
                yield f"opened for writing: {call.strip()}"
        elif name in ("clone", "clone3") and "CLONE_THREAD" in call:
            continue  # the index's own threads
        elif name and name[0].isalpha():
            yield f"asked of the system by {pid}: {call.strip()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    return run(given.seed, given.count)


def run(seed: int, count: int) -> int:
    """Run the campaign and its negative controls; return 0 if all went as it has to."""
    report = campaign(seed, count)
    report.show("hostile expressions")
    bad = bool(report.failures)
    for sabotage in SABOTAGES:
        control = campaign(seed, len(ESCAPES) + len(EXHAUSTING), sabotage=sabotage)
        control.show(f"negative control, {sabotage}")
        if not control.failures:
            print("  The control has not failed: this measurement notices nothing.")
            bad = True
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
