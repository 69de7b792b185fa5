"""The results of units, in memory and on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field

from vqrna.config import validated
from vqrna.errors import DataError
from vqrna.prediction.part_files import PartState, check_part, read_part, write_part
from vqrna.runtime.files import write_error, write_text
from vqrna.segments import ARRAYS as SEGMENT_ARRAYS
from vqrna.segments import Block, Segments
from vqrna.sites import DTYPES, Sites
from vqrna.stats.fdr import PValueCounts
from vqrna.stats.tiers import CALLS

_PLAN = "plan-"
_ARRAYS = tuple(name for name in DTYPES if name not in ("sequence", "q_value"))


@dataclass(frozen=True, eq=False)
class Spans:
    """Evaluated intervals of sequences."""

    sequence: np.ndarray  # (P,), object
    # start, stop: (P,), int64: 0-based, half-open, on the forward strand
    start: np.ndarray
    stop: np.ndarray
    reverse: np.ndarray  # (P,), bool


@dataclass(frozen=True, eq=False)
class Part:
    """Result of a unit."""

    sites: Sites  # Reported sites, in the order of the scan
    candidates: np.ndarray  # (K,), int64: Number of candidates of each modification
    p_values: PValueCounts  # P-values of all candidates
    spans: Spans
    nt: int  # Number of positions whose sites are reported
    # records, empty: Number of regions that begin in the unit, and of those without a position
    records: int
    empty: int
    # near_ties, tokens: Number of tokens whose codes were nearly tied, and of all tokens
    near_ties: int = 0
    tokens: int = 0
    segments: Segments | None = None  # Sums over segments, in the order of the scan

    @property
    def block(self) -> Block:
        """Sites and segments."""
        segments = self.segments
        return Block(
            self.sites, Segments.empty(len(self.candidates)) if segments is None else segments
        )


class _ModelOfPlan(BaseModel):
    path: str | None
    hash: str


class SharedPlan(BaseModel):
    """The entries that all plans have; others are not checked."""

    vqrna: str
    command: str
    units: int = Field(ge=0)
    shard: Annotated[list[int], Field(min_length=2, max_length=2)]
    model: _ModelOfPlan
    settings: dict[str, Any]
    source: dict[str, Any]


class ScanPlan(SharedPlan):
    """The entries of a plan of a scan."""

    sequences: str
    origins: dict[str, str]
    repeated_names: int
    inputs: dict[str, str]
    output: dict[str, Any]


class PartStore:
    """A hidden directory of finished parts inside the folder of the results.

    Its name depends on model and settings, so that no other run takes the parts for its own; each
    file also names its number and the sequences that it was computed from
    (:mod:`vqrna.prediction.part_files`).

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the results.
    key : str
        Identifier of the run.
    """

    prefix: ClassVar[str] = ".vqrna-parts-"
    """Beginning of the name of the directory."""

    plan: ClassVar[type[SharedPlan]] = ScanPlan
    """What a file of :meth:`write_plan` must contain."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self.directory = folder / f"{self.prefix}{key}"

    @classmethod
    def list_in(cls, folder: Path) -> list[Self]:
        """Return the stores in a folder."""
        directories = sorted(folder.glob(f"{cls.prefix}*"))
        return [cls(folder, path.name.removeprefix(cls.prefix)) for path in directories]

    def state(self, number: int, origin: str | None = None) -> PartState:
        """Return whether a part is there, complete, and computed from the sequences `origin`."""
        return check_part(self._path(number), self.key, number, origin)

    def has(self, number: int, origin: str | None = None) -> bool:
        """Return whether :meth:`state` is complete."""
        return self.state(number, origin) is PartState.COMPLETE

    def read(self, number: int) -> Part | None:
        """Return a part, or None if it is missing or damaged."""
        try:
            return from_arrays(read_part(self._path(number), self.key, number))
        except (OSError, ValueError, KeyError, IndexError):
            return None

    def write(self, number: int, part: Part, origin: str = "") -> None:
        """Write a part, completely or not at all; `origin` is :attr:`Unit.digest` of its unit."""
        self._make_directory()
        write_part(self._path(number), self.key, number, origin, to_arrays(part))

    def read_plans(self) -> list[dict[str, Any]]:
        """Return what :meth:`write_plan` wrote, in the order of the shards.

        Raises DataError if a file is damaged.
        """
        plans = []
        for path in sorted(self.directory.glob(f"{_PLAN}*.json")):
            try:
                if not path.is_file():
                    raise ValueError("not a regular file")
                plan = json.loads(path.read_text(encoding="utf-8"))
                if not isinstance(plan, dict):
                    raise ValueError("not a JSON object")
                validated(self.plan, plan, strict=True)
            except ValueError as error:
                message = f"invalid plan of a shard ({error}): run the shard again"
                raise DataError(message, file=path) from None
            plans.append(plan)
        return plans

    def write_plan(self, plan: dict[str, Any], shard: int = 1, count: int = 1) -> None:
        """Write what is needed to join the parts; one file a shard, also for one without parts."""
        self._make_directory()
        path = self.directory / f"{_PLAN}{shard:09d}-of-{count:09d}.json"
        write_text(path, json.dumps(plan, indent=1) + "\n")

    def drop(self, selected: Callable[[int], bool]) -> None:
        """Remove the parts of this run whose numbers are selected."""
        for path in self.directory.glob("*.part"):
            if path.stem.isdigit() and selected(int(path.stem)):
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all parts of this run."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def clear(self) -> None:
        """Remove all parts in the folder, those of other runs included."""
        for store in self.list_in(self.folder):
            store.remove()

    def remove_if_empty(self) -> bool:
        """Remove the directory if it is empty; return whether it is still there."""
        with suppress(OSError):  # it is not empty, or missing
            self.directory.rmdir()
        return self.directory.exists()

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, self.folder) from error

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:07d}.part"


@dataclass(frozen=True, eq=False)
class Parts:
    """All parts of a scan, in order; they can be iterated more than once."""

    stores: Sequence[PartStore | Part]  # The store of each part, or the part itself

    def __iter__(self) -> Iterator[Part]:
        for number, store in enumerate(self.stores):
            part = store if isinstance(store, Part) else store.read(number)
            if part is None:
                raise DataError(f"part {number + 1} is missing or damaged: run the scan again")
            yield part

    def spans(self) -> Iterator[tuple[str, int, int, bool]]:
        """Yield name, start, stop and strand of the scanned intervals, adjacent ones joined."""
        last: tuple[str, int, int, bool] | None = None
        for part in self:
            s = part.spans
            rows = zip(
                s.sequence.tolist(), s.start.tolist(), s.stop.tolist(), s.reverse.tolist(),
                strict=True,
            )  # fmt: skip
            for name, start, stop, reverse in rows:
                if last and (last[0], last[3]) == (name, reverse) and start > 0:
                    if not reverse and last[2] == start:
                        last = (name, last[1], stop, reverse)
                        continue
                    if reverse and last[1] == stop:
                        last = (name, start, last[2], reverse)
                        continue
                if last:
                    yield last
                last = (name, start, stop, reverse)
        if last:
            yield last


def to_arrays(part: Part) -> dict[str, np.ndarray]:
    """Return a part as arrays of numbers and bytes."""
    segments = part.segments or Segments.empty(len(part.candidates))
    named = [part.spans.sequence, part.sites.sequence, segments.sequence]
    names, index = _factorize(np.concatenate(named))
    ends = np.cumsum([len(each) for each in named])
    arrays = {f"site_{name}": getattr(part.sites, name) for name in _ARRAYS}
    counts = [part.nt, part.records, part.empty, part.near_ties, part.tokens]
    return arrays | {
        "names": np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
        "span_sequence": index[: ends[0]],
        "span_start": part.spans.start,
        "span_stop": part.spans.stop,
        "span_reverse": part.spans.reverse,
        "site_sequence": index[ends[0] : ends[1]],
        "segment_sequence": index[ends[1] :],
        **{f"segment_{name}": getattr(segments, name) for name in SEGMENT_ARRAYS},
        "candidates": part.candidates,
        "counts": np.array(counts, dtype=np.int64),
        **{f"p_{name}": np.array(x) for name, x in part.p_values.to_json().items()},
    }


def from_arrays(arrays: dict[str, np.ndarray]) -> Part:
    """Return the part of :func:`to_arrays`."""
    names = np.array(arrays["names"].tobytes().decode().split("\n"), dtype=object)
    columns: dict[str, Any] = {name: arrays[f"site_{name}"] for name in _ARRAYS}
    unknown = np.full(len(columns["position"]), np.nan)
    columns |= {"sequence": names[arrays["site_sequence"]], "q_value": unknown}
    spans = Spans(
        names[arrays["span_sequence"]],
        arrays["span_start"],
        arrays["span_stop"],
        arrays["span_reverse"],
    )
    p_values = {k.removeprefix("p_"): array for k, array in arrays.items() if k.startswith("p_")}
    counts = PValueCounts.from_json(p_values | {"types": int(p_values["types"])})
    sums = {name: arrays[f"segment_{name}"] for name in SEGMENT_ARRAYS}
    calls = np.zeros((*sums["expected"].shape, len(CALLS)), dtype=np.int64)
    segments = Segments(sequence=names[arrays["segment_sequence"]], calls=calls, **sums)
    nt, records, empty, near_ties, tokens = arrays["counts"].tolist()
    return Part(
        Sites(**columns), arrays["candidates"], counts, spans, nt, records, empty, near_ties,
        tokens, segments,
    )  # fmt: skip


def _factorize(names: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the unique names in order of first use, and the index of each name among them."""
    unique: dict[str, int] = {}
    index = [unique.setdefault(name, len(unique)) for name in names.tolist()]
    return list(unique), np.array(index, dtype=np.int64)
