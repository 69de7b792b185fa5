"""Find chromosomes by name, and say helpfully what is wrong where one is not there."""

from __future__ import annotations

from vqrna.genome.fasta import Genome

_MITOCHONDRIA = ("chrM", "MT", "chrMT", "M")


class Chromosomes:
    """Names of a genome's sequences, as files have them (bytes).

    Parameters
    ----------
    genome : Genome
    """

    def __init__(self, genome: Genome) -> None:
        self.names = genome.names
        self.lengths = genome.lengths
        self._file = genome.path.name
        self._numbers = {name.encode(): i for i, name in enumerate(genome.names)}

    def number(self, name: bytes) -> int | None:
        """Give a chromosome's number, or None where the genome has none of this name."""
        return self._numbers.get(name)

    def missing(self, name: bytes) -> str:
        """Say that a chromosome is not there, with a hint where it goes by another name."""
        told = name.decode("utf-8", "replace")[:60]
        words = f"chromosome '{told}' is not in {self._file}"
        bare = told.removeprefix("chr")
        others = [bare, f"chr{bare}"]
        if told in _MITOCHONDRIA:
            others.extend(_MITOCHONDRIA)
        for other in others:
            if other != told and other in self.names:
                return f"{words}, which calls it '{other}': the names must be the same"
        return f"{words} (which has {self.names[0]}{', ...' if len(self.names) > 1 else ''})"

    def beyond(self, chromosome: int, stop: int) -> str:
        """Say that an interval leaves its chromosome."""
        name, length = self.names[chromosome], self.lengths[chromosome]
        return f"end {stop} is beyond the end of {name} ({length} nt in {self._file})"
