"""One stream of sites to files of several formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vqrna.errors import UsageError
from vqrna.formats.description import Description
from vqrna.runtime.files import Output, together

if TYPE_CHECKING:
    from vqrna.sites import Sites

FORMATS = ("tsv", "parquet", "bed", "bedrmod", "bedgraph", "bigwig")
"""Names of the formats, on the command line, too."""

TRACKS = ("bedgraph", "bigwig")
"""Formats with a file for each modification, which are written from what is put aside for them."""

BATCH = 1 << 17
"""Sites are written so many at a time, so that files do not depend on how they come."""


class Writer(Protocol):
    """What a format's module gives as ``Writer(output, description)``."""

    def write(self, sites: Sites) -> None:
        """Write sites; called at least once, with no sites if there are none."""

    def finish(self) -> None:
        """Write what comes last and close the files."""


class Writers:
    """Takes sites in blocks of any size; see :func:`writers`.

    Attributes
    ----------
    paths : tuple of pathlib.Path
        The files written; empty until all are there.
    notes : tuple of str
        One line each on what could not be done, such as an index; empty until all is written.
    """

    def __init__(self, formats: Sequence[str], output: Output, description: Description) -> None:
        self.paths: tuple[Path, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._output = output
        self._noted = len(output.notes)
        self._writers = _writers(formats, output, description)
        self._waiting: list[Sites] = []
        self._count = 0
        self._none: Sites | None = None
        self._begun = False

    def write(self, sites: Sites) -> None:
        """Write sites.

        Parameters
        ----------
        sites : Sites
            Sequence by sequence, in rising order of position within each.

        Raises
        ------
        DataError
            If a file cannot be written.
        """
        if self._none is None or (sites.extra and not self._none.extra):
            self._none = sites.take(slice(0, 0))
        start = 0
        while start < len(sites):
            stop = min(len(sites), start + BATCH - self._count)
            self._waiting.append(sites.take(slice(start, stop)))
            self._count += stop - start
            start = stop
            if self._count == BATCH:
                self._pass_on()

    def _pass_on(self) -> None:
        from vqrna.sites import joined

        batch = joined(self._waiting)
        self._waiting, self._count, self._begun = [], 0, True
        for writer in self._writers:
            writer.write(batch)

    def _finish(self) -> None:
        from vqrna.sites import Sites

        if self._count:
            self._pass_on()
        if not self._begun:
            for writer in self._writers:
                writer.write(self._none if self._none is not None else Sites.none())
        for writer in self._writers:
            writer.finish()
        self.notes = tuple(self._output.notes[self._noted :])


@contextmanager
def writers(
    formats: Sequence[str],
    folder: str | PathLike[str],
    description: Description,
    within: Output | None = None,
) -> Iterator[Writers]:
    """Write sites to files of one or several formats.

    All files take their names at the end, or, on any error, none does.

    Parameters
    ----------
    formats : sequence of str
        Out of `FORMATS`.
    folder : path-like
        Must exist. Temporary files lie there, too.
    description : Description
    within : Output, optional
        What else is written there: the files take their names when all of it is done.

    Raises
    ------
    UsageError
        If a format is not known.
    DataError
        If a file cannot be written.

    Examples
    --------
    >>> with writers(("tsv", "bed"), folder, description) as out:  # doctest: +SKIP
    ...     for block in blocks:
    ...         out.write(block)
    >>> out.paths  # doctest: +SKIP
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f"unknown format '{name}' (known: {', '.join(FORMATS)})")
    with together(Path(folder)) if within is None else nullcontext(within) as output:
        before = len(output.paths)
        out = Writers(tuple(dict.fromkeys(formats)), output, description)
        yield out
        out._finish()
    out.paths = tuple(output.paths[before:])


def _writers(formats: Sequence[str], output: Output, description: Description) -> list[Writer]:
    """Make the writers; their libraries are loaded only now."""
    rows = [name for name in formats if name not in TRACKS]
    made: list[Writer] = [
        import_module(f"vqrna.formats.{name}").Writer(output, description) for name in rows
    ]
    tracks = [import_module(f"vqrna.formats.{name}") for name in formats if name in TRACKS]
    if tracks:
        from vqrna.formats import tracks as shared

        made.append(shared.Writer(output, description, tracks))
    return made
