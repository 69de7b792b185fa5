"""Draw the first sequences of a prediction with the probabilities of all candidates."""

from __future__ import annotations

import dataclasses
import re
from itertools import islice
from pathlib import Path

import numpy as np

from vqrna.model import Model
from vqrna.prediction.output import PICTURES, record_pictures
from vqrna.prediction.scan import scan_sequence
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import FastaSource
from vqrna.runtime.files import output_directory
from vqrna.sequence import decode
from vqrna.sites import best_rows
from vqrna.stats.tiers import BY_THRESHOLD, TIERS

LONGEST = 5000
"""Longer sequences are not drawn: the picture would be unreadable."""

FIRST = 6
"""Number of sequences to draw."""


def draw_first(
    source: FastaSource, folder: Path, model: Model, settings: Settings, count: int = FIRST
) -> tuple[list[Path], int]:
    """Draw the first sequences of a prediction into ``FOLDER/tracks/``.

    Parameters
    ----------
    source : FastaSource
        Its files are read again.
    folder : pathlib.Path
        Folder of the results.
    settings : Settings
        All candidates are drawn, called or not.
    count : int
        Number of sequences to read.

    Returns
    -------
    written : list of pathlib.Path
        PNG and SVG files.
    skipped : int
        Number of sequences that were not drawn: empty, or longer than `LONGEST`.
    """
    # Imports matplotlib, which a scan without pictures does not need
    from vqrna.plots.style import save_figure
    from vqrna.plots.tracks import site_tracks

    all_sites = dataclasses.replace(settings, all_sites=True)
    records = source.regions()
    written: list[Path] = []
    skipped = 0
    for number, record in enumerate(islice(records, count), start=1):
        if not 0 < len(record.tokens) <= LONGEST:
            skipped += 1
            continue
        pictures = output_directory(folder / PICTURES)
        sites = scan_sequence(model, record.name, record.tokens, all_sites)
        if settings.top is not None:
            called = np.flatnonzero(sites.tier)
            sites.tier[called[~best_rows(sites.take(called), settings.top)]] = 0
        figure = site_tracks(
            sites.table(settings.modifications),
            record.name,
            len(record.tokens),
            settings.modifications,
            tiers=(BY_THRESHOLD, *TIERS) if settings.below_tiers else TIERS,
            sequence=decode(record.tokens),
        )
        safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", record.name)[:80]
        written.extend(save_figure(figure, pictures / f"{number:02d}_{safe}.png"))
        record_pictures(folder, written)
    return written, skipped
