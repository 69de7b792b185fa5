"""Scores and probabilities of all candidates of a job, for the track view: written during the scan.

A sequence has one row of 16-bit numbers per position, with two columns for each modification that
its base can carry: score and probability. A number is the log-odds in steps of 0.0005; 0 means that
the position is not a candidate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.prediction import Part, Settings, Source
from vqrna.prediction.piece_batch import PieceBatch
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Resources
from vqrna.prediction.tiles import Unit
from vqrna.runtime.files import atomic_path, write_text
from vqrna.sequence import ALPHABET, IUPAC, decode
from vqrna.stats.calibration import sigmoid
from vqrna.web.inputs import Checked

INDEX, VALUES, TOKENS = "index.json", "values.u16", "tokens.u8"

_UNITS = "units"
_LARGEST = 16.0
_STEPS = 65534
_TYPE = np.dtype("<u2")


class RecordingEngine:
    """Score units in this thread, and keep the scores of all candidates in a folder.

    The parts that it yields are those of :class:`vqrna.prediction.ThreadEngine`.

    Parameters
    ----------
    folder : pathlib.Path
        For the scores of each unit; they remain if the scan is interrupted and resumed.
    report : callable
        Called with the number of nt that were scored since the last call; may raise.
    """

    name: ClassVar[str] = "threads"
    in_order: ClassVar[bool] = True
    local: ClassVar[bool] = True
    jobs = 1

    def __init__(
        self, model: Model, settings: Settings, folder: Path, report: Callable[[int], None]
    ) -> None:
        self._model = model
        self._settings = settings
        self._folder = folder / _UNITS
        self._folder.mkdir(exist_ok=True)
        self._report = report
        self._slots = slots(settings.modifications)

    @property
    def device(self) -> str:
        """Device of the model."""
        return str(self._model.device)

    @classmethod
    def open(
        cls, source: Source, model: Model, settings: Settings, resources: Resources
    ) -> AbstractContextManager[RecordingEngine]:
        """Return an engine that keeps its scores in the working folder."""
        return nullcontext(cls(model, settings, Path(), lambda nt: None))

    def run(
        self, units: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units (see :class:`vqrna.prediction.Engine`)."""

        def advance_and_report(nt: int) -> None:
            advance(nt)
            self._report(nt)

        every = replace(self._settings, all_sites=True)
        for unit in units:
            part = score_unit(self._model, unit, every, advance_and_report)
            self._keep(unit, part)
            block = part.block.keep(part.sites.tier > 0)
            if self._settings.best_of_part is not None:
                block = block.best_of_segments(self._settings.best_of_part)
            yield unit.number, replace(part, sites=block.sites, segments=block.segments)

    def _keep(self, unit: Unit, part: Part) -> None:
        """Write the scores of a unit; the sites of a part are in the order of its candidates."""
        blocks, start = [], 0
        for piece in unit.pieces:
            block = np.zeros((piece.count, self._slots.width, 2), dtype=_TYPE)
            modifications = self._settings.modifications
            mask = PieceBatch.of([piece], modifications).candidates(modifications)
            rows, index = np.nonzero(mask)
            own = slice(start, start + len(rows))
            column = self._slots.column[index, part.sites.base[own]]
            block[rows, column, 0] = _pack(part.sites.score[own])
            block[rows, column, 1] = _pack(part.sites.probability[own])
            start += len(rows)
            blocks.append(block)
        with atomic_path(self._folder / f"{unit.number:08d}") as path:
            path.write_bytes(np.concatenate(blocks).tobytes())

    def finish(self, view: Path, input: Checked) -> None:
        """Join the scores of all units to the files of a track view."""
        view.mkdir(exist_ok=True)
        units = sorted(self._folder.iterdir())
        with atomic_path(view / VALUES) as path, path.open("wb") as file:
            for unit in units:
                file.write(unit.read_bytes())
        with atomic_path(view / TOKENS) as path, path.open("wb") as file:
            for record in input.records:
                assert record.tokens is not None
                file.write(record.tokens.tobytes())
        for unit in units:
            unit.unlink()
        self._folder.rmdir()


@dataclass(frozen=True, eq=False)
class Slots:
    """Columns of the file of scores and probabilities."""

    width: int
    column: np.ndarray  # (K, 4), int: Column of each modification at each base; -1 for none


def slots(modifications: Sequence[Modification]) -> Slots:
    """Assign columns: as many as modifications share a base."""
    column = np.full((len(modifications), len(ALPHABET)), -1)
    for base in range(len(ALPHABET)):
        own = [k for k, m in enumerate(modifications) if IUPAC[m.base][base]]
        column[own, base] = np.arange(len(own))
    return Slots(max(1, int(column.max(initial=-1)) + 1), column)


def _pack(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        logits = np.clip(np.log(values) - np.log1p(-values), -_LARGEST, _LARGEST)
    return (1 + np.rint((logits + _LARGEST) / (2 * _LARGEST) * _STEPS)).astype(_TYPE)


def _unpack(values: np.ndarray) -> np.ndarray:
    return sigmoid((values.astype(np.float64) - 1) / _STEPS * 2 * _LARGEST - _LARGEST)


def write_index(view: Path, index: dict[str, Any]) -> None:
    """Write the description of a track view."""
    write_text(view / INDEX, json.dumps(index, indent=1) + "\n")


@dataclass(frozen=True, eq=False)
class WindowTrack:
    """Scores and probabilities of one modification in a window."""

    modification: int  # Index among those of the job
    positions: np.ndarray  # (P,), int64: 1-based
    # scores, probabilities: (P,), float64
    scores: np.ndarray
    probabilities: np.ndarray


class TrackFile:
    """The scores of one sequence of a finished job.

    Parameters
    ----------
    view : pathlib.Path
        Folder of the track view.
    modifications : sequence of Modification
        Those of the job.
    offset, length : int
        Place of the sequence among all letters of the job.
    """

    def __init__(
        self, view: Path, modifications: Sequence[Modification], offset: int, length: int
    ) -> None:
        self._view = view
        self._modifications = tuple(modifications)
        self._slots = slots(modifications)
        self._offset = offset
        self.length = length

    def tokens(self, start: int, stop: int) -> np.ndarray:
        """Return the tokens of positions, 0-based and half-open."""
        count = stop - start
        return np.fromfile(
            self._view / TOKENS, dtype=np.uint8, count=count, offset=self._offset + start
        )

    def letters(self, start: int, stop: int) -> str:
        """Return the letters of positions, 0-based and half-open."""
        return decode(self.tokens(start, stop))

    def tracks(self, start: int, stop: int, bins: int | None = None) -> list[WindowTrack]:
        """Return the scores of all modifications in a window.

        Parameters
        ----------
        start, stop : int
            0-based and half-open.
        bins : int, optional
            Return only the highest probability in each part of a window with more positions.
        """
        width = self._slots.width
        values = np.fromfile(
            self._view / VALUES,
            dtype=_TYPE,
            count=(stop - start) * width * 2,
            offset=(self._offset + start) * width * 2 * _TYPE.itemsize,
        ).reshape(-1, width, 2)
        tokens = self.tokens(start, stop)
        known = tokens < len(ALPHABET)
        rows = np.arange(len(values))
        tracks = []
        for k in range(len(self._modifications)):
            column = np.where(known, self._slots.column[k][np.minimum(tokens, 3)], -1)
            own = values[rows, np.maximum(column, 0)] * (column >= 0)[:, None].astype(_TYPE)
            at = np.flatnonzero(own[:, 0])
            if bins is not None and len(own) > bins:
                # By probability; it can be the same for different scores
                at = _highest((own[:, 1].astype(np.int64) << 16) + own[:, 0], bins)
            score, probability = _unpack(own[at].T)
            tracks.append(WindowTrack(k, at + start + 1, score, probability))
        return tracks


def _highest(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the index of the highest value in each bin that has a candidate."""
    size = -(-len(values) // bins)
    padded = np.pad(values, (0, -len(values) % size)).reshape(-1, size)
    best = padded.argmax(axis=1)
    highest = padded[np.arange(len(padded)), best]
    return (np.arange(len(padded)) * size + best)[highest > 0]
