"""Compute attributions and motifs of the windows of a FASTA file, and write them to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna.data.names import WHOLE_NAMES, NameRule
from vqrna.data.sequences import Sequences
from vqrna.errors import UsageError
from vqrna.interpret.attributions import CONVENTIONS, Attributions, attribute, model_for
from vqrna.interpret.discovery import Motif, find_motifs
from vqrna.interpret.files import (
    FORMATS,
    parse_formats,
    write_attributions,
    write_motifs,
    write_pictures,
)
from vqrna.interpret.meme import MIN_TARGETS, compare, read_meme
from vqrna.interpret.site_windows import SiteWindows, centred_windows, windows_at_sites
from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.modifications import modification as find_modification
from vqrna.plots.style import type_colors
from vqrna.runtime.files import output_files, results_directory, write_table
from vqrna.runtime.provenance import facts, signature
from vqrna.runtime.run_record import add_run_record

Input = str | PathLike[str]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Attributions and motifs of one type.

    Parameters
    ----------
    windows : SiteWindows
    attributions : Attributions
    motifs : tuple of Motif
    seqlets : int
        Number of seqlets, including those that belong to no motif.
    written : tuple of pathlib.Path
    few_known : int
        Number of known motifs if too few for reliable p-values, else 0.
    """

    windows: SiteWindows
    attributions: Attributions
    motifs: tuple[Motif, ...]
    seqlets: int
    written: tuple[Path, ...] = ()
    few_known: int = 0


def explain(
    fasta: Sequences,
    model: Model,
    modification: str | Modification,
    out: Input,
    *,
    sites: Input | None = None,
    convention: str = CONVENTIONS[0],
    paper: bool = False,
    formats: Sequence[str] = FORMATS,
    known: Input | None = None,
    palette: str = "types",
    name_until: str = "",
    ignore_version: bool = False,
    show_progress: bool = False,
) -> Explanation:
    """Mutate windows, find motifs in the attributions, and write both to a folder.

    Parameters
    ----------
    fasta : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`: windows with the site in their centre, or, with `sites`,
        sequences.
    model : Model
    modification : str or Modification
        A type that the model predicts.
    out : path
        Folder.
    sites : path, optional
        Table of ``vqrna predict``: windows around its sites of the type are explained.
    convention : str
        ``projected`` or ``hypothetical``.
    paper : bool
        As published: changes of the sigmoid, the mean taken before the absolute value.
    formats : sequence of str
        ``npz``, ``tsv``.
    known : path, optional
        MEME file to compare the motifs with.
    palette : str
        ``types`` or ``colorblind``.
    name_until : str
        With `sites`: cut names of sequences at the first occurrence of this text, in all files.
    ignore_version : bool
        With `sites`: drop versions from names of sequences, in all files.
    show_progress : bool

    Returns
    -------
    Explanation
        Windows, attributions, motifs, and the paths of the files.

    Raises
    ------
    DataError
        If an input file is invalid.
    UsageError
        If a setting is invalid.
    """
    target = find_modification(modification, model.modifications)
    rule = NameRule(name_until, ignore_version)
    if sites is None and rule != WHOLE_NAMES:
        raise UsageError("--name-until and --ignore-version need --sites")
    type_colors((), palette)
    formats = parse_formats(formats)
    matrices = None if known is None else read_meme(known)
    model = model_for(model, target)
    with results_directory(out) as folder:
        if sites is None:
            windows = centred_windows(fasta, target, model.length)
        else:
            windows = windows_at_sites(fasta, sites, target, model.length, rule)
        attributions = attribute(
            model, windows.tokens, target, convention=convention, paper=paper,
            show_progress=show_progress,
        )  # fmt: skip
        motifs, seqlets = find_motifs(attributions, target)
        header = facts(
            model.hash,
            modification=target.symbol,
            windows=str(len(windows)),
            target="sigmoid of the log-odds" if paper else "log-odds",
            convention=convention,
        )
        remark = signature(model.hash)
        settings = {name: header[name] for name in header if name not in ("command", "model")}
        with output_files(folder) as files:
            write_attributions(files, windows, attributions, formats, header)
            write_pictures(files, attributions, target, palette, remark)
            write_motifs(files, motifs, len(windows), seqlets, target, palette, header, remark)
            if matrices is not None:
                write_table(files.path("tomtom.tsv"), compare(motifs, matrices), digits=6)
            add_run_record(
                files,
                "motifs",
                model=model.hash,
                settings=settings,
                results={"seqlets": seqlets, "motifs": len(motifs)},
                notes=windows.remarks(),
            )
    few = len(matrices) if matrices is not None and len(matrices) < MIN_TARGETS else 0
    return Explanation(windows, attributions, tuple(motifs), seqlets, tuple(files.paths), few)
