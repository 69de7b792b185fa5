"""Write one stream of sites to files of several formats at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from os import PathLike
from pathlib import Path

import pandas as pd

from vqrna.errors import DataError, UsageError
from vqrna.formats.description import Description
from vqrna.formats.registry import WRITERS, SiteWriter
from vqrna.formats.tracks import TrackCollector, TrackWriter
from vqrna.runtime.files import OutputFiles, output_files
from vqrna.sites import Sites, concat_sites

BATCH = 1 << 17
"""Sites in a batch. Files are written in full batches, so that they do not depend on the blocks
in which sites arrive."""


class Writers:
    """Write sites in blocks of any size; see :func:`writers`.

    Attributes
    ----------
    paths : tuple of pathlib.Path
        The files written; empty until all of them are complete.
    notes : tuple of str
        One line on each thing that could not be done, such as an index; empty until then.
    """

    def __init__(
        self, formats: Sequence[str], output: OutputFiles, description: Description
    ) -> None:
        self.paths: tuple[Path, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._output = output
        self._description = description
        self._first_note = len(output.notes)
        made = [WRITERS[name](output, description) for name in formats]
        self._writers = [writer for writer in made if isinstance(writer, SiteWriter)]
        if tracks := [writer for writer in made if isinstance(writer, TrackWriter)]:
            self._writers.append(TrackCollector(output, description, tracks))
        self._waiting: list[Sites] = []
        self._count = 0
        self._empty: Sites | None = None
        self._begun = False
        self._formats = tuple(zip(formats, made, strict=True))
        # By format: names that it cannot hold, as they are written
        self._escaped: dict[str, dict[str, str]] = {name: {} for name in formats}
        self._last_name = ""

    def write(self, sites: Sites) -> None:
        """Write sites.

        Raises DataError if a file cannot be written.

        Parameters
        ----------
        sites : Sites
            Sequence by sequence, by position within each.
        """
        if self._empty is None or (sites.extra and not self._empty.extra):
            self._empty = sites.take(slice(0, 0))
        start = 0
        while start < len(sites):
            stop = min(len(sites), start + BATCH - self._count)
            self._waiting.append(sites.take(slice(start, stop)))
            self._count += stop - start
            start = stop
            if self._count == BATCH:
                self._write_batch(concat_sites(self._waiting))

    def _write_batch(self, batch: Sites) -> None:
        self._waiting, self._count, self._begun = [], 0, True
        self._note_names(batch)
        for writer in self._writers:
            writer.write(batch)

    def _finish(self) -> None:
        if self._count:
            self._write_batch(concat_sites(self._waiting))
        if not self._begun:
            self._write_batch(Sites.empty() if self._empty is None else self._empty)
        for writer in self._writers:
            writer.finish()
        self._report_names()
        self.notes = tuple(self._output.notes[self._first_note :])

    def _note_names(self, batch: Sites) -> None:
        """Collect the names of sequences that a format cannot hold."""
        for name in map(str, pd.unique(batch.sequence)):
            if name == self._last_name:
                continue
            self._last_name = name
            for format_name, writer in self._formats:
                written = writer.written_name(name)
                if written != name:
                    self._escaped[format_name][name] = written

    def _report_names(self) -> None:
        """Report names that were escaped.

        Raises DataError if another sequence has the name that one is written with.
        """
        formats: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for format_name, escaped in self._escaped.items():
            if escaped:
                formats.setdefault(tuple(escaped.items()), []).append(format_name)
        for pairs, format_names in formats.items():
            originals = {written: name for name, written in pairs}
            listed = ", ".join(format_names)
            for name, _ in self._description.sequences():
                if name in originals:
                    raise DataError(
                        f"the sequences '{originals[name]}' and '{name}' would have the same name "
                        f"in {listed}: rename one of them"
                    )
            name, written = pairs[0]
            self._output.notes.append(
                f"sequence names with characters that {listed} cannot hold: {len(pairs):,} "
                f"('{name}' is written as '{written}')"
            )


@contextmanager
def writers(
    formats: Sequence[str],
    folder: str | PathLike[str],
    description: Description,
    within: OutputFiles | None = None,
) -> Iterator[Writers]:
    """Write sites to files of one or several formats.

    All files are renamed into place at the end; on any error, none is.

    Raises UsageError if a format is unknown. Raises DataError if a file cannot be written.

    Parameters
    ----------
    formats : sequence of str
        Names in :data:`vqrna.formats.registry.WRITERS`.
    folder : path-like
        Must exist.
    within : OutputFiles, optional
        Files of the same folder that are renamed into place together with these.

    Examples
    --------
    >>> with writers(("tsv", "bed"), folder, description) as out:  # doctest: +SKIP
    ...     for block in blocks:
    ...         out.write(block)
    >>> out.paths  # doctest: +SKIP
    """
    for name in formats:
        if name not in WRITERS:
            raise UsageError(f"unknown format '{name}' (known: {', '.join(sorted(WRITERS))})")
    with output_files(Path(folder)) if within is None else nullcontext(within) as output:
        before = len(output.paths)
        out = Writers(tuple(dict.fromkeys(formats)), output, description)
        yield out
        out._finish()
    out.paths = tuple(output.paths[before:])
