"""What a file of results says of itself, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vqrna.modifications import Modification

PROGRAM = "vqrna"
"""The fact that tells our version; its line at the head of a file has no colon."""


@dataclass(frozen=True)
class Description:
    """What a file says of itself.

    Parameters
    ----------
    facts : mapping of str to str
        For the head, in order: version (under `PROGRAM`), command, model, priors and so on.
    modifications : tuple of Modification
        The scan's, in the order that ``Sites.modification_index`` counts them in.
    sequences : callable
        Gives names and lengths (nt) of the sequences that were scanned, as often as it is called.
    organism : str
        NCBI taxonomy number, such as ``9606``.
    assembly : str
        Such as ``GRCh38``.
    annotation : str
        Source and, after a space, version, such as ``GENCODE 47``.
    prefix : str
        File names begin with it.
    stranded : bool
        Whether both strands of the sequences were scanned, as in a genome: tracks then come in a
        file for each strand. That is so, too, where a site on a reverse strand turns up.
    """

    facts: Mapping[str, str]
    modifications: tuple[Modification, ...]
    sequences: Callable[[], Iterator[tuple[str, int]]]
    organism: str = ""
    assembly: str = ""
    annotation: str = ""
    prefix: str = "sites"
    stranded: bool = False

    def head(self) -> str:
        """Write the facts as ``#`` lines, with line ends."""
        return "".join(
            f"# {name} {one_line(value)}\n" if name == PROGRAM else f"# {name}: {one_line(value)}\n"
            for name, value in self.facts.items()
        )

    def file_name(self, kind: int, ending: str, reverse: bool | None = None) -> str:
        """Name the file of one modification.

        Parameters
        ----------
        kind : int
            Which of the modifications.
        ending : str
            Such as ``bw``.
        reverse : bool, optional
            Which strand it holds; no strand is named if not given.
        """
        strand = "" if reverse is None else ".minus" if reverse else ".plus"
        symbol = self.modifications[kind].symbol.replace("/", "_")
        return f"{self.prefix}.{symbol}{strand}.{ending}"


def one_line(text: str) -> str:
    """Put text on one line."""
    return " ".join(text.split())


def rgb(color: str) -> str:
    """Turn ``#rrggbb`` into what BED files want: ``247,129,191``."""
    return ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
