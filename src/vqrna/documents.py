"""Read TOML, JSON and YAML files of a user with bounded time and memory.

The result consists of dictionaries, lists, strings, booleans, 64-bit integers, floats, dates and
None. Everything else that a parser accepts or raises becomes a DataError here, so that the code
that interprets the values sees only plain ones.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

from vqrna.errors import DataError, UsageError, missing_extra

MAX_BYTES = 1 << 17
"""Largest file that is read; configurations have a few thousand bytes."""

MAX_VALUES = 5_000
"""Most values in a document, keys included; those of a YAML alias count each time."""

MAX_DEPTH = 40
"""Deepest nesting of tables and lists."""

_MAX_DOTS = 20  # names in one dotted key of TOML, for which tomllib takes quadratic time
_TOML_NAME = r"""(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_DOTTED = re.compile(rf"(?:{_TOML_NAME}\.[ \t]*+){{{_MAX_DOTS}}}")
_INT64 = range(-(2**63), 2**63)
_SCALARS = (str, bool, int, float, datetime.date, datetime.time, type(None))
_WRONG = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""Errors that the parsers raise for invalid documents, besides their own."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises DataError if the file is missing, too large, not valid TOML, or has an unusable value.
    """
    text = _read_text(path)
    match = _DOTTED.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise DataError(f"a key of more than {_MAX_DOTS} names", file=path, line=line)
    try:
        values = tomllib.loads(text)
    except _WRONG as error:  # its own error is a ValueError
        raise DataError(f"not valid TOML: {_reason(error)}", file=path) from None
    _check(values, path)
    return values


def read_json(path: Path) -> Any:
    """Read a JSON file; a byte-order mark, which some editors write, is ignored.

    Raises DataError if the file is missing, too large, not valid JSON, or has an unusable value.
    """
    text = _read_text(path).removeprefix("\ufeff")
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg}", file=path, line=error.lineno) from None
    except _WRONG as error:
        raise DataError(f"not valid JSON: {_reason(error)}", file=path) from None
    _check(values, path)
    return values


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain data.

    Raises DataError if the file is missing, too large, not valid YAML, or has an unusable value;
    aliases may not multiply its values beyond `MAX_VALUES` or contain themselves. Raises UsageError
    if PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError:
        raise UsageError(f"YAML files need PyYAML: {missing_extra('tune')}") from None

    class BoundedLoader(yaml.SafeLoader):
        """Count values and depth while the document is composed, before anything is built."""

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.values = self.depth = 0
            self.sizes: dict[Any, int] = {}  # values below each node that is complete

        def compose_node(self, parent: Any, index: Any) -> Any:
            mark = self.peek_event().start_mark
            before = self.values
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise yaml.MarkedYAMLError(problem=_deep(), problem_mark=mark)
            alias = self.check_event(yaml.AliasEvent)
            node = super().compose_node(parent, index)
            if alias and node not in self.sizes:
                words = "an alias is inside the value that it repeats"
                raise yaml.MarkedYAMLError(problem=words, problem_mark=mark)
            self.values += self.sizes[node] if alias else 1
            if self.values > MAX_VALUES:
                raise yaml.MarkedYAMLError(problem=_many(), problem_mark=mark)
            self.depth -= 1
            self.sizes[node] = self.values - before
            return node

    text = _read_text(path)
    try:
        values = yaml.load(text, BoundedLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
        line = mark.line + 1 if mark is not None else None
        raise DataError(f"not valid YAML: {words}", file=path, line=line) from None
    except _WRONG as error:
        raise DataError(f"not valid YAML: {_reason(error)}", file=path) from None
    _check(values, path)
    return values


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading: a pipe would block, and a device may never end.

    Raises DataError if the file is missing, is not a regular file, or cannot be opened.
    """
    try:
        if not path.is_file() and path.exists():
            reason = "is a directory, not a file" if path.is_dir() else "is not a regular file"
            raise DataError(reason, file=path)
        return path.open("rb")
    except FileNotFoundError:
        raise DataError("no such file", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", file=path) from None


def _read_text(path: Path) -> str:
    """Return the text of a regular file of at most `MAX_BYTES` bytes."""
    with open_regular(path) as file:
        try:
            raw = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    if len(raw) > MAX_BYTES:
        raise DataError(f"is larger than {MAX_BYTES >> 10} kB: not a configuration", file=path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("not a text file (UTF-8)", file=path) from None


def _check(document: Any, path: Path) -> None:
    """Raise DataError for values that a parser accepts but no setting can have."""
    stack: list[tuple[Any, str, int]] = [(document, "", 0)]
    count = 0
    while stack:
        value, place, depth = stack.pop()
        count += 1
        reason = _many() if count > MAX_VALUES else ""
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else ((None, x) for x in value)
            for key, item in items:
                if key is not None:
                    stack.append((key, place, depth + 1))
                stack.append((item, _joined(place, key), depth + 1))
            reason = _deep() if depth > MAX_DEPTH else reason
        elif not isinstance(value, _SCALARS):
            reason = f"a value of type {type(value).__name__} has no meaning here"
        elif isinstance(value, int) and value not in _INT64:
            reason = "a number has more than 64 bits"
        elif isinstance(value, str) and not _is_clean(value):
            reason = "a text has a NUL or other characters that are not text"
        if reason:
            raise DataError(f"{place}: {reason}" if place else reason, file=path)


def _joined(place: str, key: Any) -> str:
    """Return the name of a nested value, for a message."""
    if not isinstance(key, str) or len(place) > 80:
        return place
    return f"{place}.{key[:40]}" if place else key[:40]


def _is_clean(text: str) -> bool:
    """Return whether a text has no NUL and no lone surrogates, which no file name can have."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _deep() -> str:
    return f"more than {MAX_DEPTH} levels of tables and lists"


def _many() -> str:
    return f"more than {MAX_VALUES:,} values (an alias counts each time)"


def _reason(error: Exception) -> str:
    """Return the reason of a parser, without Python's advice on very long numbers."""
    if isinstance(error, RecursionError):
        return "too many levels of tables and lists"
    text = str(error)
    if "integer string conversion" in text:
        return "a number has thousands of digits"
    if isinstance(error, ValueError) and text:
        return text.splitlines()[0]
    return "a value does not fit its type"
