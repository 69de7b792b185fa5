"""Which codes of a window an edit changes, and what each change does to the prediction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vqrna.data.sequences import Sequences, describe_sequences, read_sequences
from vqrna.errors import DataError, UsageError
from vqrna.interpret.attributions import model_and_column
from vqrna.interpret.code_types import code_types
from vqrna.interpret.codes import logits_from_codes, read_codes, require_codebook
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.modifications import Modification
from vqrna.modifications import modification as find_modification
from vqrna.runtime.arguments import integer
from vqrna.runtime.files import output_files, results_directory
from vqrna.runtime.provenance import signature
from vqrna.runtime.run_record import FILE_NAME, run_record, to_json
from vqrna.sequence import ALPHABET, decode, windows_around

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    "token", "start", "stop", "offset", "at_site", "edits", "ref_code", "alt_code", "ref_type",
    "alt_type", "ref_log_odds", "alt_log_odds", "ref_reads", "alt_reads", "effect",
)  # fmt: skip
"""Columns of the table of changed codes."""

MOST_EDITS = 1000

_EDIT = re.compile(r"([ACGTU])([0-9]{1,12})([ACGTU])", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class CodeChanges:
    """The tokens of a window whose code an edit changes.

    Attributes
    ----------
    sequence : str
        Name of the sequence.
    modification : Modification
    position : int
        1-based position of the site.
    edits : tuple of str
        As ``A300G``.
    table : pandas.DataFrame
        One row per changed token, with the columns
        :data:`vqrna.interpret.code_changes.COLUMNS`: ``start`` and ``stop`` are the first and last
        position that it covers (1-based), ``effect`` is the change of the log-odds of the
        modification if this code alone changes.
    tokens : int
        Tokens of the window, changed or not.
    ref_log_odds, alt_log_odds : float
        Log-odds of the modification before and after, at the even class ratio.
    atlas : str
        Where the types of the codes are from; empty if they are unknown.
    paths : tuple of pathlib.Path
        Written files.
    """

    sequence: str
    modification: Modification
    position: int
    edits: tuple[str, ...]
    table: pd.DataFrame
    tokens: int
    ref_log_odds: float
    alt_log_odds: float
    atlas: str
    model_hash: str
    modifications: tuple[Modification, ...]
    # ref, alt: (S,), uint8: The sequences
    ref: np.ndarray = field(repr=False)
    alt: np.ndarray = field(repr=False)
    paths: tuple[Path, ...] = ()

    @property
    def summary(self) -> str:
        """The number of changed codes and the log-odds, in one line."""
        symbol = self.modification.symbol
        text = (
            f"{len(self.table)} of {self.tokens} codes change; log-odds of {symbol} at "
            f"{self.position:,}: {self.ref_log_odds:.2f} → {self.alt_log_odds:.2f}"
        )
        sites = [self.modification.candidates(x)[self.position - 1] for x in (self.ref, self.alt)]
        if all(sites):
            return text
        when = "after the edits" if sites[0] else "before the edits" if sites[1] else "here"
        return f"{text} (not {symbol}: its base or context is missing {when})"

    def plot(self) -> Figure:
        """Draw the changed tokens at the letters that they cover."""
        from vqrna.plots.code_changes import code_change_figure

        title = f"{self.sequence[:40]}: {', '.join(self.edits)[:60]}"
        return code_change_figure(
            self.table, decode(self.ref), decode(self.alt), self.position, self.modifications,
            title, self.summary, signature(self.model_hash),
        )  # fmt: skip


def code_changes(
    fasta: Sequences,
    modification: str | Modification,
    position: int,
    edits: str | Sequence[str],
    *,
    sequence: str | None = None,
    model: Model | str | PathLike[str] | None = None,
    atlas: str | PathLike[str] | None = None,
    device: str = "auto",
) -> CodeChanges:
    """List which codes of the window around a site an edit changes.

    Parameters
    ----------
    fasta : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`.
    modification : str or Modification
    position : int
        1-based position of the site, the centre of the window.
    edits : str or sequence of str
        Substitutions such as ``A300G,C305U``.
    sequence : str, optional
        Name of the sequence, if there are several.
    model : Model or path, optional
        The shipped one if not given.
    atlas : path, optional
        ``codebook.tsv`` of ``vqrna atlas``, for the types of the codes; the atlas of the shipped
        model if not given.
    device : str
        Device for a model that is loaded.

    Returns
    -------
    CodeChanges
        Its `table` has one row per token whose code changes.

    Raises
    ------
    DataError
        If an input is invalid, or an edit does not fit the sequence.
    UsageError
        If a setting is invalid, or the model has no codes.

    Examples
    --------
    >>> import vqrna
    >>> result = vqrna.code_changes("my.fa", "m6A", 300, "C301A")  # doctest: +SKIP
    >>> result.table[["start", "stop", "ref_code", "alt_code", "effect"]]  # doctest: +SKIP
    """
    if integer(position, "--position") < 1:
        raise UsageError(f"invalid --position {position} (expected 1 or more)")
    substitutions = parse_edits(edits)
    loaded = model if isinstance(model, Model) else load_model(model, device)
    target = find_modification(modification, loaded.modifications)
    single, column = model_and_column(loaded, target)
    codes = len(require_codebook(single).network.quantizer.codebook)
    types = code_types(codes, single.hash, atlas)
    name, tokens = select_sequence(fasta, sequence, position)
    edited = _apply(tokens, substitutions, name)
    at = np.array([position - 1])
    pair = np.concatenate([windows_around(x, at, single.length) for x in (tokens, edited)])
    coded = read_codes(single, pair)
    before, after = coded.codes
    changed = np.flatnonzero(before != after)
    alone = np.repeat(before[None], len(changed), axis=0)
    alone[np.arange(len(changed)), changed] = after[changed]
    slope = single.calibration.slope[column]
    log_odds = single.calibration.log_odds(coded.logits)[:, column]
    if len(changed):
        base = logits_from_codes(single, before[None])[0, column]
        effect = slope * (logits_from_codes(single, alone)[:, column] - base)
    else:
        effect = np.empty(0)
    layout = coded.layout
    start = layout.starts[changed] + position
    stop = start + layout.reach - 1
    names = [f"{a}{p}{b}" for a, p, b in substitutions]
    places = np.array([p for _, p, _ in substitutions])
    covered = [
        ",".join(n for n, p in zip(names, places, strict=True) if low <= p <= high)
        for low, high in zip(start, stop, strict=True)
    ]
    old, new = before[changed], after[changed]
    table = pd.DataFrame({
        "token": changed,
        "start": start,
        "stop": stop,
        "offset": layout.middles[changed],
        "at_site": np.where(layout.at_site[changed], "yes", "no").astype(object),
        "edits": pd.Series(covered, dtype="str"),
        "ref_code": old,
        "alt_code": new,
        "ref_type": types.symbols[old],
        "alt_type": types.symbols[new],
        "ref_log_odds": types.log_odds[old],
        "alt_log_odds": types.log_odds[new],
        "ref_reads": types.reads[old],
        "alt_reads": types.reads[new],
        "effect": effect,
    })  # fmt: skip
    return CodeChanges(
        name,
        target,
        position,
        tuple(names),
        table[list(COLUMNS)],
        len(before),
        float(log_odds[0]),
        float(log_odds[1]),
        types.source,
        loaded.hash,
        loaded.modifications,
        tokens,
        edited,
    )


def parse_edits(edits: str | Sequence[str]) -> list[tuple[str, int, str]]:
    """Parse substitutions: base, 1-based position, new base, sorted by position.

    Raises UsageError if a text has another form, a base is replaced by itself, or a position
    occurs twice.
    """
    texts = [edits] if isinstance(edits, str) else list(edits)
    parsed: dict[int, tuple[str, int, str]] = {}
    for text in (part.strip() for whole in texts for part in str(whole).split(",")):
        match = _EDIT.fullmatch(text)
        if match is None or int(match[2]) < 1:
            raise UsageError(f"invalid edit '{text[:40]}' (expected such as A300G)")
        old, new = (match[i].upper().replace("T", "U") for i in (1, 3))
        if old == new:
            raise UsageError(f"invalid edit '{text}': it replaces a base by itself")
        if int(match[2]) in parsed:
            raise UsageError(f"position {match[2]} is edited twice")
        parsed[int(match[2])] = old, int(match[2]), new
    if not 1 <= len(parsed) <= MOST_EDITS:
        raise UsageError(f"{len(parsed):,} edits (expected 1 to {MOST_EDITS:,})")
    return [parsed[p] for p in sorted(parsed)]


def _apply(tokens: np.ndarray, edits: list[tuple[str, int, str]], name: str) -> np.ndarray:
    """Return the edited sequence; raises DataError if an edit does not fit."""
    edited = tokens.copy()
    for old, position, new in edits:
        if position > len(tokens):
            message = f"edit {old}{position}{new} is beyond the end (length {len(tokens):,})"
            raise DataError(message, record=name)
        letter = decode(tokens[position - 1 : position])
        if letter != old:
            raise DataError(
                f"edit {old}{position}{new}: the base at {position:,} is {letter}", record=name
            )
        edited[position - 1] = ALPHABET.index(new)
    return edited


def select_sequence(
    fasta: Sequences, sequence: str | None, position: int
) -> tuple[str, np.ndarray]:
    """Return name and tokens of one sequence with a position.

    Parameters
    ----------
    fasta : path, text, mapping, table or iterable
    sequence : str or None
        Its name; may be None for a single sequence.
    position : int
        1-based.

    Raises
    ------
    DataError
        If the sequence or the position does not exist.
    UsageError
        If several sequences fit.
    """
    file = describe_sequences(fasta)
    names: list[str] = []
    chosen: list[np.ndarray] = []
    for record in read_sequences(fasta):
        names.append(record.name)
        if sequence is None or record.name == sequence:
            chosen.append(record.tokens)
        if len(chosen) > 1:
            break
    if not chosen:
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(f"no sequence '{sequence}' (it has {listed or 'none'})", file=file)
    if len(chosen) > 1:
        hint = "names occur twice" if sequence else "select one with --sequence NAME"
        raise UsageError(f"{file or 'the input'} has more than one such sequence: {hint}")
    name, tokens = sequence or names[0], chosen[0]
    if position > len(tokens):
        raise DataError(
            f"position {position:,} is beyond the end (length {len(tokens):,})",
            file=file, record=name,
        )  # fmt: skip
    if tokens[position - 1] >= len(ALPHABET):
        raise DataError(f"the letter at position {position:,} is ambiguous", file=file, record=name)
    return name, tokens


def write_code_changes(result: CodeChanges, out: str | PathLike[str]) -> CodeChanges:
    """Write table and picture to a folder; return the result with their paths.

    Raises DataError if a file cannot be written.
    """
    from vqrna.plots.style import save_figure

    with results_directory(out) as folder, output_files(folder) as files:
        with files.open("code_changes.tsv") as stream:
            text = result.table.to_csv(
                sep="\t", index=False, lineterminator="\n", float_format="%.5g", na_rep=""
            )
            stream.write(text.encode())
        picture = files.path("code_changes.png")
        files.path("code_changes.svg")
        save_figure(result.plot(), picture)
        record = run_record(
            "mutate",
            [path.name for path in files.paths],
            model=result.model_hash,
            settings={
                "sequence": result.sequence, "modification": result.modification.symbol,
                "position": result.position, "edits": list(result.edits), "atlas": result.atlas,
            },
            results={
                "codes": result.tokens, "changed": len(result.table),
                "log_odds": [round(result.ref_log_odds, 5), round(result.alt_log_odds, 5)],
            },
        )  # fmt: skip
        with files.open(FILE_NAME) as stream:
            stream.write(to_json(record, folder).encode())
        paths = tuple(path for path in files.paths if path.name != FILE_NAME)
    return replace(result, paths=paths)
