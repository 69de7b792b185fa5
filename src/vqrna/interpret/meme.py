"""Read and write motifs in MEME format, and compare motifs with Tomtom.

`read_meme` replaces `memelite.io.read_meme`, which was tried and raises tracebacks or silently
drops matrices for malformed files, keeps one motif of several with the same name, cannot read
gzip or standard input, and imports numba.
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
from vqrna.errors import DataError, UsageError, missing_extra
from vqrna.interpret.discovery import Motif
from vqrna.sequence import ALPHABET

MIN_TARGETS = 25  # with fewer known motifs, Tomtom's p-values are unreliable
_SIZE = re.compile(r"\b(alength|w)\s*=\s*(\S+)")
_WIDTH = re.compile(r"[1-9][0-9]{0,5}")
_HEADER_LINES = 50


class MemeMotif(NamedTuple):
    """A motif of a MEME file."""

    # name, consensus: Without blanks
    name: str
    consensus: str
    frequencies: np.ndarray  # (4, W): Base frequencies; each column sums to 1
    sites: int  # Number of sequences that the motif is based on


def meme_text(
    motifs: Iterable[MemeMotif], background: np.ndarray, header: Sequence[str] = ()
) -> str:
    """Return motifs in minimal MEME format, version 4.

    Parameters
    ----------
    background : np.ndarray, shape (4,)
        Frequencies of the bases.
    header : sequence of str
        Comment lines.
    """
    base = " ".join(f"{b} {f:.5f}" for b, f in zip(ALPHABET, background, strict=True))
    lines = ["MEME version 4", "", *header, "", f"ALPHABET= {ALPHABET}", "", "strands: +", ""]
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

    Raises DataError if the file is not in MEME format, has another alphabet, or a matrix is
    incomplete.

    Parameters
    ----------
    path : path-like
        Plain or gzip; ``-`` is standard input.

    Returns
    -------
    dict of str to np.ndarray, shape (4, W), float64
        Frequencies by name, followed by a blank and the alternate name if there is one; the
        second motif with the same name is `name (2)`.
    """
    file = str(path)
    motifs: dict[str, np.ndarray] = {}
    name, width, first_line = "", 0, 0
    rows: list[list[float]] = []
    has_version = False
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").strip()
            has_version = has_version or text.startswith("MEME version")
            if not has_version and text and number > _HEADER_LINES:
                break
            if width:
                rows.append(_matrix_row(text, file, name, number))
                if len(rows) == width:
                    motifs[name] = _normalised(np.array(rows).T, file, name, first_line)
                    width, rows = 0, []
            elif text.upper().startswith("ALPHABET="):
                letters = text.partition("=")[2].strip().upper()
                if letters.replace("T", "U") != ALPHABET:
                    reason = f"invalid alphabet {letters} (expected {ALPHABET} or ACGT)"
                    raise DataError(reason, file=file, line=number)
            elif text.startswith("MOTIF"):
                name = " ".join(text.split()[1:3]) or f"motif_{len(motifs) + 1}"
                name = _unique(name, motifs)
            elif text.startswith("letter-probability matrix"):
                sizes = dict(_SIZE.findall(text))
                if sizes.get("alength", "4") != "4" or not _WIDTH.fullmatch(sizes.get("w", "")):
                    reason = "expected alength= 4 and a width w= from 1 to 999999 in this line"
                    raise DataError(reason, file=file, record=name, line=number)
                width, first_line = int(sizes["w"]), number
    if not has_version:
        raise DataError("not a MEME file: the line 'MEME version 4' is missing", file=file)
    if width:
        reason = f"the matrix ends after {len(rows)} of {width} rows"
        raise DataError(reason, file=file, record=name, line=first_line)
    if not motifs:
        raise DataError("no motif has a letter-probability matrix", file=file)
    return motifs


def _unique(name: str, taken: Container[str]) -> str:
    """Append a number to a name that another motif of the file has."""
    unique, n = name, 2
    while unique in taken:
        unique, n = f"{name} ({n})", n + 1
    return unique


def _matrix_row(text: str, file: str, name: str, number: int) -> list[float]:
    try:
        row = [float(cell) for cell in text.split()]
    except ValueError:
        row = []
    if len(row) != len(ALPHABET) or not all(0 <= value <= 1 for value in row):
        reason = f"expected four frequencies from 0 to 1, not '{text[:40]}'"
        raise DataError(reason, file=file, record=name, line=number)
    return row


def _normalised(matrix: np.ndarray, file: str, name: str, line: int) -> np.ndarray:
    """Correct rounding errors: return columns that sum to 1."""
    total = matrix.sum(axis=0)
    if (np.abs(total - 1) > 0.05).any():
        raise DataError("frequencies do not sum to 1", file=file, record=name, line=line)
    return matrix / total


def compare(motifs: Sequence[Motif], known: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Compare motifs with known motifs by Tomtom, on one strand.

    Parameters
    ----------
    motifs : sequence of Motif
    known : mapping of str to np.ndarray, shape (4, W)
        Frequencies by name.

    Returns
    -------
    pandas.DataFrame
        One row per pair, for each motif by ascending p-value: ``motif``, ``consensus``,
        ``known``, ``p_value``, ``e_value`` (p-value times the number of known motifs),
        ``q_value``, ``offset`` (column of the known motif at which ours begins; negative if it
        begins before), ``overlap`` (columns).

    Raises
    ------
    UsageError
        If memelite is not installed.
    """
    try:
        from memelite import tomtom
    except ImportError:
        raise UsageError(f"--compare needs memelite: {missing_extra('motifs')}") from None
    names = list(known)
    rows = []
    if motifs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # callers warn if there are fewer than MIN_TARGETS
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
