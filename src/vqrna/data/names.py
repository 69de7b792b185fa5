"""Match names of sequences of different files: cut them, or ignore versions."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from os import PathLike

from vqrna.errors import DataError, UsageError

_VERSION = re.compile(r"\.[0-9]+(?=\Z|_PAR_Y\Z)")  # GENCODE: ENST00000381578.6_PAR_Y
_SEPARATORS = ("|", ";", ",", ":", "/", " ")


@dataclass(frozen=True)
class NameRule:
    """How names of sequences are compared."""

    until: str = ""  # Text that ends a name; empty if names are whole
    ignore_version: bool = False  # Whether ENST00000257408.4 is ENST00000257408

    def __post_init__(self) -> None:
        """Check the text; raises UsageError."""
        if not isinstance(self.until, str):
            words = type(self.until).__name__
            raise UsageError(f"the text that ends a name must be text, not {words}")

    def key(self, name: str) -> str:
        """Return what is compared of a name."""
        if self.until:
            name = name.partition(self.until)[0] or name
        return _VERSION.sub("", name) if self.ignore_version else name

    def options(self) -> str:
        """Return the options of the command line."""
        words = [f"--name-until '{self.until}'"] if self.until else []
        return " ".join(words + ["--ignore-version"] * self.ignore_version)


WHOLE_NAMES = NameRule()
"""Names are compared as they are."""


@dataclass
class NameKeys:
    """The compared names of one file, with the names that they were made from."""

    rule: NameRule
    file: str | PathLike[str]
    names: dict[str, str] = field(default_factory=dict)
    ambiguous: dict[str, str] = field(default_factory=dict)

    def add(self, name: str) -> str:
        """Return the key of a name, and remember names that have the same key."""
        key = self.rule.key(name)
        if self.names.setdefault(key, name) != name:
            self.ambiguous.setdefault(key, name)
        return key

    def check(self, others: Container[str]) -> None:
        """Raise DataError if several names of this file match one of another file."""
        for key, name in self.ambiguous.items():
            if key in others:
                message = (
                    f"'{self.names[key]}' and '{name}' are both '{key}' with {self.rule.options()}"
                )
                raise DataError(message, file=self.file)


def matching_rule(ours: Iterable[str], theirs: Iterable[str]) -> NameRule | None:
    """Return the simplest rule with which two files have a name in common, if there is one."""
    ours, theirs = set(ours), set(theirs)
    for until in ("", *_SEPARATORS):
        for ignore_version in (False, True):
            rule = NameRule(until, ignore_version)
            if {rule.key(name) for name in ours} & {rule.key(name) for name in theirs}:
                return rule
    return None
