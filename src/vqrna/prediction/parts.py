"""What a unit of work gives, in memory and on disk."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.errors import DataError
from vqrna.runtime.files import atomic_path, write_error, write_text
from vqrna.sites import DTYPES, Sites
from vqrna.stats.fdr import PValueCounts

_PREFIX = ".vqrna-parts-"
_PLAN = "plan-"
_ARRAYS = tuple(name for name in DTYPES if name not in ("sequence", "q_value"))


@dataclass(frozen=True, eq=False)
class Spans:
    """Which positions of which sequences were evaluated.

    Attributes
    ----------
    sequence : np.ndarray, shape (P,), object
    start, stop : np.ndarray, shape (P,), int64
        0-based, half-open, on the forward strand.
    reverse : np.ndarray, shape (P,), bool
    """

    sequence: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    reverse: np.ndarray


@dataclass(frozen=True, eq=False)
class Part:
    """What the units of a scan add up to.

    Attributes
    ----------
    sites : Sites
        Reported sites, in the order of the positions.
    candidates : np.ndarray, shape (K,), int64
        How many positions could carry each type.
    p_values : PValueCounts
        Of all candidates.
    spans : Spans
    nt, records, empty : int
        Positions that count; sequences begun; those of them without a letter.
    near_ties, tokens : int
        Codes that were nearly tied, of so many that were assigned.
    """

    sites: Sites
    candidates: np.ndarray
    p_values: PValueCounts
    spans: Spans
    nt: int
    records: int
    empty: int
    near_ties: int = 0
    tokens: int = 0


class PartStore:
    """A hidden folder of finished parts inside the folder of the results.

    Its name follows from model, settings and input: another run never takes them for its own.

    Parameters
    ----------
    folder : pathlib.Path
        Of the results.
    key : str
        Names the run.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self.place = folder / f"{_PREFIX}{key}"

    @classmethod
    def found_in(cls, folder: Path) -> list[PartStore]:
        """List the stores that runs have left in a folder."""
        places = sorted(folder.glob(f"{_PREFIX}*"))
        return [cls(folder, place.name.removeprefix(_PREFIX)) for place in places]

    def has(self, number: int) -> bool:
        """Tell whether a finished part is there, and whole."""
        return zipfile.is_zipfile(self._path(number))

    def read(self, number: int) -> Part | None:
        """Give a finished part, or None if it has to be made: one that is broken is removed."""
        try:
            with (
                self._path(number).open("rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                return unpacked({name: arrays[name] for name in arrays.files})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, EOFError, IndexError, AttributeError, zipfile.BadZipFile):
            with suppress(OSError):  # damage within the file shows only here: has() is quick
                self._path(number).unlink()
            return None

    def write(self, number: int, part: Part) -> None:
        """Keep a finished part; it appears whole or not at all."""
        self._make()
        with atomic_path(self._path(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **packed(part))

    def plans(self) -> list[dict[str, Any]]:
        """Give what was kept with :meth:`keep_plan`, in the order of the shards."""
        found = []
        for path in sorted(self.place.glob(f"{_PLAN}*.json")):
            try:
                found.append(dict(json.loads(path.read_text(encoding="utf-8"))))
            except ValueError:
                raise DataError("is no plan of a scan", file=path) from None
        return found

    def keep_plan(self, plan: dict[str, Any], shard: int = 1) -> None:
        """Keep what the parts are parts of, for whoever joins them; a file for each shard."""
        self._make()
        write_text(self.place / f"{_PLAN}{shard:09d}.json", json.dumps(plan, indent=1) + "\n")

    def drop(self, held: Callable[[int], bool]) -> None:
        """Remove those parts of this run whose numbers are held."""
        for path in self.place.glob("*.npz"):
            if path.stem.isdigit() and held(int(path.stem)):
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all parts of this run."""
        shutil.rmtree(self.place, ignore_errors=True)

    def clear(self) -> None:
        """Remove all parts, those that other runs left in this folder included."""
        for store in self.found_in(self.folder):
            store.remove()

    def kept(self) -> bool:
        """Tell whether anything is kept; a folder of nothing is removed."""
        with suppress(OSError):  # something lies there, or there is no folder
            self.place.rmdir()
        return self.place.exists()

    def _make(self) -> None:
        try:
            self.place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, self.folder) from error

    def _path(self, number: int) -> Path:
        return self.place / f"{number:07d}.npz"


@dataclass(frozen=True, eq=False)
class Parts:
    """Finished parts in order, that can be gone through more than once.

    Parameters
    ----------
    stores : sequence of PartStore or Part
        Where each part lies, or the part itself.
    """

    stores: Sequence[PartStore | Part]

    def __iter__(self) -> Iterator[Part]:
        for number, place in enumerate(self.stores):
            part = place if isinstance(place, Part) else place.read(number)
            if part is None:
                raise DataError(f"part {number + 1} is broken or gone: run the scan again")
            yield part

    def sites(self) -> Iterator[Sites]:
        """Give the sites of all parts, a block at a time."""
        for part in self:
            if len(part.sites):
                yield part.sites

    def spans(self) -> Iterator[tuple[str, int, int, bool]]:
        """Give name, start, stop and strand of what was scanned; pieces of one row put together."""
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


def packed(part: Part) -> dict[str, np.ndarray]:
    """Lay a part out as arrays of plain numbers and bytes."""
    names, places = _indexed(np.concatenate([part.spans.sequence, part.sites.sequence]))
    cut = len(part.spans.start)
    arrays = {f"site_{name}": getattr(part.sites, name) for name in _ARRAYS}
    counts = [part.nt, part.records, part.empty, part.near_ties, part.tokens]
    return arrays | {
        "names": np.frombuffer("\n".join(names).encode(), dtype=np.uint8),
        "span_sequence": places[:cut],
        "span_start": part.spans.start,
        "span_stop": part.spans.stop,
        "span_reverse": part.spans.reverse,
        "site_sequence": places[cut:],
        "candidates": part.candidates,
        "counts": np.array(counts, dtype=np.int64),
        **{f"p_{name}": np.array(x) for name, x in part.p_values.to_json().items()},
    }


def unpacked(arrays: dict[str, np.ndarray]) -> Part:
    """Make a part again of what :func:`packed` gave."""
    names = np.array(arrays["names"].tobytes().decode().split("\n"), dtype=object)
    columns: dict[str, Any] = {name: arrays[f"site_{name}"] for name in _ARRAYS}
    nothing = np.full(len(columns["position"]), np.nan)
    columns |= {"sequence": names[arrays["site_sequence"]], "q_value": nothing}
    spans = Spans(
        names[arrays["span_sequence"]],
        arrays["span_start"],
        arrays["span_stop"],
        arrays["span_reverse"],
    )
    counted = {k.removeprefix("p_"): array for k, array in arrays.items() if k.startswith("p_")}
    counts = PValueCounts.from_json(counted | {"types": int(counted["types"])})
    return Part(Sites(**columns), arrays["candidates"], counts, spans, *arrays["counts"].tolist())


def _indexed(names: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Give each name once, in the order of their first use, and where each row's name stands."""
    places: dict[str, int] = {}
    rows = [places.setdefault(name, len(places)) for name in names.tolist()]
    return list(places), np.array(rows, dtype=np.int64)
