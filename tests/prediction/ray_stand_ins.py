"""A source and a model for tests on Ray; in a module, so that workers can import them."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from vqrna.errors import DataError
from vqrna.model import TrainedModel
from vqrna.prediction import FastaSource, tiles

PIECE = 3000


class SmallPieces(FastaSource):
    """FASTA files that are cut into small pieces wherever they are read."""

    def regions(self):
        tiles.PIECE = PIECE
        return super().regions()


@dataclasses.dataclass(frozen=True)
class OnlyHere(FastaSource):
    """Files that no other process can read."""

    pid: int = dataclasses.field(default_factory=os.getpid)

    def regions(self):
        if os.getpid() != self.pid:
            raise DataError("no such file", file=self.files[0])
        return super().regions()


class Waiting(TrainedModel):
    """A model that tells who computes, and waits as long as there is a file ``wait``."""

    @classmethod
    def of(cls, model, folder):
        fields = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
        return cls(**fields | {"training": {"folder": str(folder)}})

    def scan_batch(self, tokens, *more, **options):
        folder = Path(self.training["folder"])
        (folder / f"{os.getpid()}.pid").touch()
        while (folder / "wait").exists():
            time.sleep(0.02)
        return super().scan_batch(tokens, *more, **options)
