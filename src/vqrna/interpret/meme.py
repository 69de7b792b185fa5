"""Motifs in the MEME format: written, and read from wherever a user has them.

Motifs held against those of a user, by Tomtom, on one strand.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.interpret.discovery import Motif
from vqrna.sequence import ALPHABET

_SIZE = re.compile(r"\b(alength|w)\s*=\s*(\d+)")


class MemeMotif(NamedTuple):
    """A motif as the MEME format has it.

    Attributes
    ----------
    name, consensus : str
        Without blanks.
    frequencies : np.ndarray, shape (4, W)
        Of the bases, each column summing to 1.
    sites : int
        How many sequences are behind it.
    """

    name: str
    consensus: str
    frequencies: np.ndarray
    sites: int


def meme(motifs: Iterable[MemeMotif], background: np.ndarray, told: Sequence[str] = ()) -> str:
    """Write motifs in the minimal MEME format, version 4.

    Parameters
    ----------
    motifs : iterable of MemeMotif
    background : np.ndarray, shape (4,)
        Frequencies of the bases.
    told : sequence of str
        Lines that say where they come from.
    """
    base = " ".join(f"{b} {f:.5f}" for b, f in zip(ALPHABET, background, strict=True))
    lines = ["MEME version 4", "", *told, "", f"ALPHABET= {ALPHABET}", "", "strands: +", ""]
    lines += ["Background letter frequencies", base, ""]
    for motif in motifs:
        lines.append(f"MOTIF {motif.name} {motif.consensus or 'N'}")
        lines.append(
            f"letter-probability matrix: alength= {len(ALPHABET)} w= {motif.frequencies.shape[1]} "
            f"nsites= {motif.sites} E= 0"
        )
        for column in motif.frequencies.T:
            rounded = np.round(column, 6)
            rounded[column.argmax()] += 1 - rounded.sum()  # some programs insist on a sum of 1
            lines.append(" ".join(f"{x:.6f}" for x in rounded))
        lines.append("")
    return "\n".join(lines) + "\n"


def read_meme(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read the motifs of a MEME file over ACGU or ACGT.

    Parameters
    ----------
    path : path
        Plain or gzip; ``-`` is standard input.

    Returns
    -------
    dict of str to np.ndarray, shape (4, W), float64
        Frequencies by name, with the alternate name behind a blank where there is one; of
        motifs that share a name the second is `name (2)`.

    Raises
    ------
    DataError
        If it is no MEME file, of another alphabet, or a matrix is not whole.
    """
    file = str(path)
    found: dict[str, np.ndarray] = {}
    name, wanted, first = "", 0, 0
    rows: list[list[float]] = []
    seen = False
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").strip()
            seen = seen or text.startswith("MEME version")
            if not seen and text and number > 50:
                break
            if wanted:
                rows.append(_row(text, file, name, number))
                if len(rows) == wanted:
                    found[name] = _whole(np.array(rows).T, file, name, first)
                    wanted, rows = 0, []
            elif text.upper().startswith("ALPHABET="):
                letters = text.partition("=")[2].strip().upper()
                if letters.replace("T", "U") != ALPHABET:
                    words = f"the alphabet is {letters}, not {ALPHABET} or ACGT"
                    raise DataError(words, file=file, line=number)
            elif text.startswith("MOTIF"):
                name = _unlike(" ".join(text.split()[1:3]) or f"motif_{len(found) + 1}", found)
            elif text.startswith("letter-probability matrix"):
                sizes = {key: int(value) for key, value in _SIZE.findall(text)}
                if sizes.get("alength", len(ALPHABET)) != len(ALPHABET) or not sizes.get("w"):
                    words = "the matrix needs alength= 4 and its width w= in this line"
                    raise DataError(words, file=file, record=name, line=number)
                wanted, first = sizes["w"], number
    if not seen:
        raise DataError("is no MEME file: it needs a line 'MEME version 4'", file=file)
    if wanted:
        words = f"the matrix ends after {len(rows)} of {wanted} rows"
        raise DataError(words, file=file, record=name, line=first)
    if not found:
        raise DataError("holds no motif with a letter-probability matrix", file=file)
    return found


def _unlike(name: str, taken: Container[str]) -> str:
    """Give a number to a name that another motif of the file has, so that none is lost."""
    found, n = name, 2
    while found in taken:
        found, n = f"{name} ({n})", n + 1
    return found


def _row(text: str, file: str, name: str, number: int) -> list[float]:
    try:
        row = [float(cell) for cell in text.split()]
    except ValueError:
        row = []
    if len(row) != len(ALPHABET) or not all(0 <= value <= 1 for value in row):
        words = f"'{text[:40]}' is no row of four frequencies"
        raise DataError(words, file=file, record=name, line=number)
    return row


def _whole(matrix: np.ndarray, file: str, name: str, line: int) -> np.ndarray:
    """Make the columns sum to 1, which rounding may have spoilt a little."""
    total = matrix.sum(axis=0)
    if (np.abs(total - 1) > 0.05).any():
        raise DataError("frequencies do not sum to 1", file=file, record=name, line=line)
    return matrix / total


FEW = 25
"""With fewer motifs to compare with, Tomtom's p-values are not to be trusted."""


def compare(motifs: Sequence[Motif], known: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Compare motifs with known ones.

    Parameters
    ----------
    motifs : sequence of Motif
    known : mapping of str to np.ndarray, shape (4, W)
        Frequencies by name.

    Returns
    -------
    pandas.DataFrame
        A row a pair, the best first for each motif: ``motif``, ``consensus``, ``known``,
        ``p_value``, ``e_value`` (times the number of known ones), ``q_value``, ``offset`` (column
        of the known one where ours begins; below 0 if it begins before), ``overlap`` (columns).

    Raises
    ------
    UsageError
        If memelite is not installed.
    """
    try:
        from memelite import tomtom
    except ImportError:
        raise UsageError("--compare needs memelite: pip install 'vqrna[motifs]'") from None
    names = list(known)
    rows = []
    if motifs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are few is told by whoever asked
            p, _, offset, overlap, _ = tomtom(
                [m.frequencies for m in motifs],
                [known[name] for name in names],
                reverse_complement=False,  # RNA has one strand
                n_jobs=1,
            )
        p = np.clip(p, 0, 1)
        q = false_discovery_control(p.ravel()).reshape(p.shape)
        for i, motif in enumerate(motifs):
            for j in np.argsort(p[i], kind="stable"):
                rows.append(
                    (motif.name, motif.consensus, names[j], p[i, j], p[i, j] * len(names),
                     q[i, j], int(offset[i, j]), int(overlap[i, j]))
                )  # fmt: skip
    columns = [
        "motif", "consensus", "known", "p_value", "e_value", "q_value", "offset", "overlap",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
