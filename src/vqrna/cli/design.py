"""`vqrna design`: substitutions that remove, add or strengthen a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    CALLING,
    OUTPUT,
    Device,
    ModelPath,
    OneType,
    Priors,
    ThreadJobs,
    folder_option,
    option,
)
from vqrna.cli.tables import new_console, new_table, report_files

if TYPE_CHECKING:
    from vqrna.site_design import SiteDesign

_GOAL, _EDITS = "Goal", "Edits"


def design(
    fasta: Annotated[
        str,
        typer.Argument(
            help="The sequence to edit, plain or gzip; - for standard input.",
            metavar="FASTA",
            show_default=False,
        ),
    ],
    modification: OneType,
    position: Annotated[
        int, option("Position of the site, from 1.", names=("--position", "-p"), metavar="P")
    ],
    goal: Annotated[str, option("remove, add or strengthen.", metavar="GOAL")],
    out: Annotated[Path, folder_option("Folder for the results.")],
    sequence: Annotated[
        str | None, option("Name of the sequence, if FASTA has several.", metavar="NAME")
    ] = None,
    below: Annotated[
        float | None,
        option("remove: probability below which the site is removed.", _GOAL, default="0.1"),
    ] = None,
    at_least: Annotated[
        float | None,
        option(
            "add, strengthen: probability to reach.",
            _GOAL,
            default="0.1 to add, 0.3333 to strengthen",
        ),
    ] = None,
    max_edits: Annotated[int, option("Largest number of substitutions.", _EDITS, metavar="K")] = 3,
    cds: Annotated[
        str | None,
        option(
            "Reading frame (whole codons): only synonymous substitutions inside.",
            _EDITS,
            metavar="START-END",
        ),
    ] = None,
    avoid: Annotated[
        list[str] | None,
        option(
            "Positions and ranges not to edit (100-130), motifs not to create (GAATTC); "
            "comma-separated or repeated.",
            _EDITS,
            metavar="LIST",
        ),
    ] = None,
    within: Annotated[
        int | None,
        option(
            "Largest distance of an edit from the site (nt); a small one is fast.",
            _EDITS,
            default="the window of the model",
            metavar="N",
        ),
    ] = None,
    keep_base: Annotated[
        bool, option("Do not edit the base of the site itself.", _EDITS, names=("--keep-base",))
    ] = False,
    beam: Annotated[
        int, option("Width of the beam search (3 edits and more).", _EDITS, metavar="N")
    ] = 20,
    prior: Priors = None,
    min_delta: Annotated[
        float, option("Smallest change of the probability of other sites to report.", CALLING)
    ] = 0.05,
    min_probability: Annotated[
        float, option("Lowest probability of a site, for gains and losses.", CALLING)
    ] = 0.1,
    model: ModelPath = None,
    alternatives: Annotated[int, option("Number of designs to list.", OUTPUT, metavar="N")] = 10,
    plot: Annotated[int, option("Number of designs to draw.", OUTPUT, metavar="N")] = 1,
    dna: Annotated[
        bool, option("Write T in place of U in designs.fasta.", OUTPUT, names=("--dna",))
    ] = False,
    jobs: ThreadJobs = None,
    device: Device = "auto",
) -> None:
    """Design the fewest substitutions that remove, add or strengthen a site.

    All single substitutions and all pairs are evaluated, larger sets by beam
    search; the smallest size that reaches the goal ends the search. Its sets are
    ranked by the number of other sites, of any modification, that they create or
    remove, then by the change of the target.
    """
    from vqrna.prediction import parse_priors

    priors = parse_priors(prior)
    from vqrna.errors import UsageError
    from vqrna.runtime.files import results_directory
    from vqrna.site_design import design as run
    from vqrna.site_design import write_design

    if plot < 0:
        raise UsageError(f"invalid --plot {plot} (expected 0 or more)")
    with results_directory(out):
        result = run(
            fasta,
            modification,
            position,
            goal,
            sequence=sequence,
            max_edits=max_edits,
            below=below,
            at_least=at_least,
            cds=cds,
            avoid=avoid or (),
            within=within,
            keep_base=keep_base,
            alternatives=alternatives,
            beam=beam,
            model=model,
            prior=priors,
            min_delta=min_delta,
            min_probability=min_probability,
            jobs=jobs,
            device=device,
            show_progress=True,
        )
        result = write_design(result, out, plot=plot, dna=dna, source=fasta)
    _show(result)
    report_files(result.paths)
    for note in result.notes:
        say("note", note)


def _show(result: SiteDesign) -> None:
    """Print how the search ended, and a row per design."""
    console = new_console()
    console.print(
        f"{result.modification} at {result.position:,} of {result.sequence}: {result.summary()}",
        soft_wrap=True,
    )
    table = new_table(("design", "edits", "codons"), ("probability", "gained", "lost"))
    for row in result.designs.to_dict("records"):
        table.add_row(
            str(row["design"]),
            row["edits"],
            row["codons"],
            f"{row['ref_probability']:.3g} → {row['alt_probability']:.3g}",
            row["gained"] or "–",
            row["lost"] or "–",
        )
    console.print(table)
