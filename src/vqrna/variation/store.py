"""Finished parts of a run on disk, so that it can be resumed and done in shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from vqrna._version import __version__
from vqrna.errors import DataError
from vqrna.model import Model
from vqrna.prediction.part_files import read_part, write_part
from vqrna.prediction.parts import PartStore, SharedPlan
from vqrna.variation import units
from vqrna.variation.parts import VariantPart
from vqrna.variation.settings import VariantSettings
from vqrna.variation.track_source import TrackSource
from vqrna.variation.vcf import VcfFile


class VariantPlan(SharedPlan):
    """The entries of a plan of a run."""

    vcf: str
    digests: dict[str, str]
    formats: list[str]
    run: dict[str, Any]


class VariantStore(PartStore):
    """A hidden directory of finished parts (see :class:`vqrna.prediction.PartStore`)."""

    prefix: ClassVar[str] = ".vqrna-variants-"
    plan: ClassVar[type[SharedPlan]] = VariantPlan

    def read_variants(self, number: int) -> VariantPart | None:
        """Return a part, or None if it is missing or damaged."""
        try:
            return VariantPart.from_arrays(read_part(self._path(number), self.key, number))
        except (OSError, ValueError, KeyError, IndexError):
            return None

    def write_variants(self, number: int, part: VariantPart, origin: str) -> None:
        """Write a part, completely or not at all; `origin` identifies the records of its unit."""
        self._make_directory()
        write_part(self._path(number), self.key, number, origin, part.to_arrays())


@dataclass(frozen=True, eq=False)
class StoredParts:
    """All parts of a run, in order; they can be iterated more than once."""

    stores: Sequence[VariantStore | VariantPart]  # The store of each part, or the part itself

    def __iter__(self) -> Iterator[VariantPart]:
        for number, store in enumerate(self.stores):
            part = store if isinstance(store, VariantPart) else store.read_variants(number)
            if part is None:
                raise DataError(f"part {number + 1} is missing or damaged: run the command again")
            yield part


def input_digests(vcf: VcfFile, source: TrackSource) -> dict[str, str]:
    """Return digests of the content of all input files, by name."""
    digests = {str(path.resolve()): _digest(path) for path in source.inputs()}
    return digests | {"vcf": _digest(vcf.path)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def run_key(
    digests: Mapping[str, str],
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    device: str,
) -> str:
    """Return an identifier of a run that depends on all that its result depends on."""
    facts: list[Any] = [__version__, units.UNIT, model.hash, device.partition(":")[0]]
    facts += [settings.describe(), source.describe(), sorted(digests.values())]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
