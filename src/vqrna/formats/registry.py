"""Registry of output formats: one class for each, under the name that ``--format`` takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vqrna.formats.description import Description
from vqrna.runtime.files import OutputFiles

if TYPE_CHECKING:
    from vqrna.sites import Sites


class FormatWriter:
    """Base class of the writers.

    Parameters
    ----------
    output : OutputFiles
        Where files are opened; they are renamed into place when all formats are written. Lines
        for the user on what could not be done go to ``output.notes``.
    description : Description
    """

    def __init__(self, output: OutputFiles, description: Description) -> None:
        self.output = output
        self.description = description

    def written_name(self, name: str) -> str:
        """Return a sequence name as the format holds it; the same one by default."""
        return name


class SiteWriter(FormatWriter, ABC):
    """Base class of formats that hold all sites in one file."""

    @abstractmethod
    def write(self, sites: Sites) -> None:
        """Write a batch of sites; called at least once, with an empty batch if need be."""

    @abstractmethod
    def finish(self) -> None:
        """Write the end of the file and close it."""


_W = TypeVar("_W", bound=type[FormatWriter])

WRITERS: dict[str, type[FormatWriter]] = {}


def register(name: str) -> Callable[[_W], _W]:
    """Return a decorator that adds a class to `WRITERS`.

    Raises ValueError if the name is taken.
    """

    def add(writer: _W) -> _W:
        if name in WRITERS:
            raise ValueError(f"output format '{name}' is already registered")
        WRITERS[name] = writer
        return writer

    return add
