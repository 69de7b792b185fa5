"""What every output file records about its origin, in any format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vqrna.modifications import Modification

PROGRAM = "vqrna"
"""Name of the fact that holds the version; its header line has no colon."""


@dataclass(frozen=True)
class Description:
    """Origin of the sites in a file."""

    # Header lines, in order: version (under `PROGRAM`), command, model, priors and so on
    facts: Mapping[str, str]
    # Those of the scan; ``Sites.modification_index`` refers to them
    modifications: tuple[Modification, ...]
    # Returns an iterator over names and lengths (nt) of the scanned sequences; may be called more
    # than once
    sequences: Callable[[], Iterator[tuple[str, int]]]
    organism: str = ""  # NCBI taxonomy number, such as ``9606``
    assembly: str = ""  # Such as ``GRCh38``
    annotation: str = ""  # Source and, after a space, version, such as ``GENCODE 47``
    prefix: str = "sites"  # First part of file names
    # Whether both strands were scanned, as in a genome: each track then has a file for each strand.
    # A site on a reverse strand has the same effect.
    stranded: bool = False

    def head(self) -> str:
        """Return the facts as ``#`` lines, with line ends."""
        return "".join(
            f"# {name}{'' if name == PROGRAM else ':'} {one_line(value)}\n"
            for name, value in self.facts.items()
        )

    def file_name(self, modification_index: int, ending: str, reverse: bool | None = None) -> str:
        """Return the file name of one modification.

        Parameters
        ----------
        ending : str
            Such as ``bw``.
        reverse : bool, optional
            The strand in the file; by default no strand is named.
        """
        strand = "" if reverse is None else ".minus" if reverse else ".plus"
        symbol = self.modifications[modification_index].symbol.replace("/", "_")
        return f"{self.prefix}.{symbol}{strand}.{ending}"


def one_line(text: str) -> str:
    """Replace runs of white space by single spaces."""
    return " ".join(text.split())


def rgb(color: str) -> str:
    """Convert ``#rrggbb`` to the notation of BED files: ``247,129,191``."""
    return ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
