"""The text of a query before Python parses it: what AimQL adds to Python's spelling, and where things stand.

A single `=` that compares becomes `==`. Characters are only ever put in, so that every place in the result
leads back to the text that the user wrote.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from runstone_writer.errors import QueryError

BRACKET_LIMIT = 60
TOKEN_LIMIT = 6_000

_TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n)|(?P<comment>\#[^\n]*)
      |(?P<quote>(?P<prefix>(?i:[rubft]|[bft]r|r[bft])?)(?:'''|\"{3}|'|"))
      |(?P<number>0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
      |(?P<name>\w+)
      |(?P<op>:=|\*\*=|//=|>>=|<<=|!==|===|<>|=>|=<|[!<>=+\-*/%&|^@]=|&&|\|\||\*\*|//|<<|>>|.)""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = {"'": r"(?:\\.|[^\\\n'])*'", '"': r'(?:\\.|[^\\\n"])*"', "'''": r"(?:\\.|[^\\])*?'''"}
_ENDS['"""'] = r'(?:\\.|[^\\])*?"""'
_STRING_ENDS = {quote: re.compile(pattern, re.DOTALL) for quote, pattern in _ENDS.items()}
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = frozenset("\n\\'\"abfnrtv01234567xNuU")
_WORDS = frozenset(("and", "or", "not", "in", "is", "if", "else", "for", "lambda", "await", "async"))
_PYTHON_FOR = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
}
_UNICODE_FOR = {"≥": ">=", "≤": "<=", "≠": "!=", "“": '"', "”": '"', "‘": "'", "’": "'", "×": "*", "−": "-"}  # noqa: RUF001
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    at: int  # offset in the text


@dataclass(slots=True)
class _Bracket:
    text: str
    at: int
    is_call: bool
    loops: bool = False  # whether a `for` stands in it


class Source:
    """The text of a query, made ready for Python. Raises QueryError for what Python would explain worse.

    ``code`` is an expression in parentheses, so that it may span lines and end in a comment.
    """

    def __init__(self, text: str, variables: frozenset[str]) -> None:
        """Read `text`; `variables` are the names that a value is known by, such as ``run``."""
        self.text = text
        self._normal = text.replace("\r\n", "\n").replace("\r", "\n")
        self._inserted: list[int] = []  # offsets in the normal text, in order
        self._additions: list[str] = []
        self._blanks: list[tuple[int, int]] = []
        self._tokens: list[_Token] = []
        self._refuse_unreadable()
        self._read()
        self._write_equals(variables)
        self.code = f"({self._rewritten()}\n)"
        self._lines = self.code.split("\n")
        starts = [0]
        for line in self._lines:
            starts.append(starts[-1] + len(line) + 1)
        self._starts = starts
        self._written = [at + i for i, at in enumerate(self._inserted)]  # where they stand in the result

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but blanks and comments."""
        return not self._tokens

    def place(self, line: int, byte: int) -> tuple[int, int]:
        """Return the line and column (from 1) in the user's text of what Python has at a line and byte."""
        text = self._lines[line - 1]
        if not text.isascii():
            byte = len(text.encode()[:byte].decode("utf-8", "ignore"))
        return self.place_of(line, byte)

    def place_of(self, line: int, column: int) -> tuple[int, int]:
        """Like `place`, for a column (from 0) counted in characters."""
        line = min(max(line, 1), len(self._lines))
        offset = self._starts[line - 1] + column - 1  # without the opening parenthesis
        return self._line_and_column(offset - bisect.bisect_left(self._written, offset))

    def error(self, message: str, line: int, column: int, hint: str = "") -> QueryError:
        return QueryError(message, line=line, column=column, text=self._normal, hint=hint)

    def _line_and_column(self, offset: int) -> tuple[int, int]:
        end = len(self._normal.rstrip())
        before = self._normal[: max(0, min(offset, end))]
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

    def _refusal(self, message: str, offset: int, hint: str = "") -> QueryError:
        return self.error(message, *self._line_and_column(offset), hint)

    # -- reading ---------------------------------------------------------------------------------------

    def _refuse_unreadable(self) -> None:
        found = _UNREADABLE.search(self._normal)
        if found is not None:
            at, self._normal = found.start(), _UNREADABLE.sub("?", self._normal)
            hint = "In quotes it can be written as an escape, such as \\u0000."
            raise self._refusal(f"the character {found.group()!r} is not allowed in a query", at, hint)

    def _read(self) -> None:
        at, text = 0, self._normal
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found is not None  # noqa: S101 - the last alternative takes any character
            kind = found.lastgroup or ""
            if found["quote"]:
                end = self._end_of_string(found)
                self._tokens.append(_Token("string", text[at:end], at))
                at = end
                continue
            if (
                kind == "space" and not found.group().isascii()
            ):  # pasted from a page: Python knows no such blank
                self._blanks.append((at, found.end()))
            if kind not in ("space", "comment"):
                self._check(kind, found.group(), at)
                self._tokens.append(_Token(kind, found.group(), at))
            at = found.end()
        if len(self._tokens) > TOKEN_LIMIT:  # Python would take long to say the same
            raise self._refusal(f"the query has more than {TOKEN_LIMIT:,} words and signs", 0)
        self._check_brackets()

    def _end_of_string(self, found: re.Match[str]) -> int:
        prefix, start = found["prefix"], found.end()
        quote = self._normal[found.start() + len(prefix) : start]
        if set(prefix.lower()) & set("ft"):
            hint = "Write the parts with +, and numbers with str()."
            raise self._refusal("an f-string is not allowed in a query", found.start(), hint)
        end = _STRING_ENDS[quote].match(self._normal, start)
        if end is None:
            raise self._refusal("a text is not closed", found.start(), f"It needs {quote} at its end.")
        if "r" not in prefix.lower() and "\\" in end.group():
            for escape in _ESCAPE.finditer(self._normal, start, end.end()):
                if escape[1] not in _ESCAPED:  # Python keeps such a backslash too, but with a warning
                    self._insert(escape.start(), "\\")
        return end.end()

    def _check(self, kind: str, text: str, at: int) -> None:
        last = self._tokens[-1] if self._tokens else None
        if kind == "op":
            if text in _PYTHON_FOR:
                raise self._refusal(f"`{text}` is `{_PYTHON_FOR[text]}` in Python", at)
            if text in _UNICODE_FOR:
                raise self._refusal(f"`{text}` is no operator", at, f"Write {_UNICODE_FOR[text]} instead.")
            if text == ";":
                raise self._refusal("a query is one expression", at, "Join conditions with `and`.")
        elif kind == "name" and text in _WORDS:
            if last is not None and last.kind == "number" and last.at + len(last.text) == at:
                self._insert(at, " ")  # `1or x`: Python warns
        elif kind == "name" and _is_shouted(text, last):
            raise self._refusal(f"`{text}` is `{text.lower()}` in Python", at)

    def _check_brackets(self) -> None:
        opened: list[_Token] = []
        for token in self._tokens:
            if token.kind != "op":
                continue
            if token.text in "([{":
                opened.append(token)
                if len(opened) > BRACKET_LIMIT:
                    raise self._refusal(f"brackets are nested deeper than {BRACKET_LIMIT}", token.at)
            elif token.text in _PAIRS:
                if not opened:
                    raise self._refusal(f"`{token.text}` closes nothing", token.at)
                if opened.pop().text != _PAIRS[token.text]:
                    raise self._refusal(f"`{token.text}` does not close what is open", token.at)
        if opened:
            raise self._refusal(f"`{opened[-1].text}` is not closed", opened[-1].at)

    # -- writing ---------------------------------------------------------------------------------------

    def _insert(self, at: int, what: str) -> None:
        place = bisect.bisect_right(self._inserted, at)
        self._inserted.insert(place, at)
        self._additions.insert(place, what)

    def _write_equals(self, variables: frozenset[str]) -> None:
        """Put a second `=` to each that is no keyword argument's: decision 4 of the language."""
        brackets = self._brackets_of_equals()
        known = variables | self._loop_variables()
        for i, bracket in brackets:
            if not self._is_keyword(i, bracket, known):
                self._insert(self._tokens[i].at, "=")

    def _brackets_of_equals(self) -> list[tuple[int, _Bracket | None]]:
        """Return the place of each single `=`, and the innermost bracket that it stands in."""
        opened: list[_Bracket] = []
        found: list[tuple[int, _Bracket | None]] = []
        for i, token in enumerate(self._tokens):
            if token.kind == "name" and token.text == "for" and opened:
                opened[-1].loops = True
            if token.kind != "op":
                continue
            if token.text in "([{":
                last = self._tokens[i - 1] if i else None
                is_call = token.text == "(" and last is not None and _can_be_called(last)
                opened.append(_Bracket(token.text, token.at, is_call))
            elif token.text in _PAIRS:
                opened.pop()
            elif token.text == "=":
                found.append((i, opened[-1] if opened else None))
        return found

    def _is_keyword(self, i: int, bracket: _Bracket | None, known: frozenset[str]) -> bool:
        if bracket is None or not bracket.is_call or bracket.loops or i < 2:
            return False
        name, before = self._tokens[i - 1], self._tokens[i - 2]
        if name.kind != "name" or name.text in known:
            return False
        return before.kind == "op" and before.text in ("(", ",")

    def _loop_variables(self) -> frozenset[str]:
        names: set[str] = set()
        in_target = False
        for token in self._tokens:
            if token.kind == "name" and token.text in ("for", "in"):
                in_target = token.text == "for"
            elif in_target and token.kind == "name":
                names.add(token.text)
        return frozenset(names)

    def _rewritten(self) -> str:
        parts, start = [], 0
        for first, last in self._blanks:
            self._normal = self._normal[:first] + " " * (last - first) + self._normal[last:]
        for at, what in zip(self._inserted, self._additions, strict=True):
            parts += [self._normal[start:at], what]
            start = at
        return "".join([*parts, self._normal[start:]])


def _is_shouted(text: str, last: _Token | None) -> bool:
    """Whether a name is an operator in capitals: it stands where no name can."""
    if text not in ("AND", "OR", "NOT", "IN", "IS") or (last is not None and last.text in (".", "for")):
        return False
    return _ends_value(last) != (text == "NOT")


def _ends_value(token: _Token | None) -> bool:
    if token is None:
        return False
    is_value = token.kind in ("number", "string") or token.text in (")", "]", "}")
    return is_value or (token.kind == "name" and token.text not in _WORDS)


def _can_be_called(token: _Token) -> bool:
    return (token.kind == "name" and token.text not in _WORDS) or token.text in (")", "]")
