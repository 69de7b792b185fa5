"""Write designs to a folder."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.errors import UsageError
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_files, results_directory
from vqrna.runtime.run_record import FILE_NAME, record_of_file, run_record, to_json
from vqrna.site_design.run import SiteDesign


def write_design(
    result: SiteDesign,
    out: str | PathLike[str],
    *,
    plot: int = 1,
    dna: bool = False,
    source: str | None = None,
) -> SiteDesign:
    """Write tables, edited sequences and pictures to a folder; return the result with their paths.

    Parameters
    ----------
    out : path-like
        Folder.
    plot : int
        Number of designs to draw.
    dna : bool
        Write T in place of U in the FASTA file.
    source : str, optional
        Name of the input, for ``run.json``.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    if plot < 0:
        raise UsageError(f"invalid --plot {plot} (expected 0 or more)")
    with results_directory(out) as folder, output_files(folder) as files:
        for stem, table in (("designs", result.designs), ("effects", result.effects)):
            text = table.to_csv(sep="\t", index=False, lineterminator="\n", float_format="%.6g")
            with files.open(f"{stem}.tsv") as stream:
                stream.write(text.encode())
        with files.open("designs.fasta") as stream:
            for row, (name, letters) in enumerate(result.sequences.items()):
                edits = result.designs["edits"].iloc[row]
                title = f"{name} {result.goal.name} {result.modification} at {result.position}: "
                letters = letters.replace("U", "T") if dna else letters
                lines = [letters[i : i + 60] for i in range(0, len(letters), 60)]
                stream.write("\n".join([f">{title}{edits}", *lines, ""]).encode())
        for number in range(1, min(plot, len(result.outcomes)) + 1):
            name = f"design_{number}"
            picture = files.path(f"{name}.png")
            files.path(f"{name}.svg")
            save_figure(result.plot(number), picture)
        names = [path.name for path in files.paths]
        for name in record_of_file(folder / "designs.tsv").get("files", []):
            if str(name).startswith("design_"):
                files.remove(Path(str(name)).name)
        record = run_record(
            "design",
            names,
            model=result.model_hash,
            settings=_settings(result, source),
            results={
                "reached": result.reached, "method": result.method,
                "edits": result.size,
                "sets_that_reach_the_goal": result.number, "sets_evaluated": result.evaluated,
            },
            notes=result.notes,
        )  # fmt: skip
        with files.open(FILE_NAME) as stream:
            stream.write(to_json(record, folder).encode())
        paths = tuple(path for path in files.paths if path.name != FILE_NAME)
    return replace(result, paths=paths)


def _settings(result: SiteDesign, source: str | None) -> dict[str, Any]:
    """Return what the designs depend on, for JSON."""
    constraints, cds = result.constraints, result.constraints.cds
    kept = (np.flatnonzero(constraints.kept) + 1).tolist()
    symbols = zip(result.settings.modifications, result.settings.priors.tolist(), strict=True)
    return {
        "input": source,
        "sequence": result.sequence,
        "modification": result.modification,
        "position": result.position,
        "goal": result.goal.describe(),
        "cds": None if cds is None else f"{cds[0] + 1}-{cds[1]}",
        "positions_not_edited": kept,
        "motifs_not_created": list(constraints.motifs),
        "min_delta": result.settings.min_delta,
        "min_probability": result.settings.min_probability,
        "priors": {m.symbol: prior for m, prior in symbols},
    }
