"""`vqrna compare`: compare predicted sites with known sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import folder_option, option
from vqrna.cli.tables import MISSING, new_console, new_table, report_files, with_interval

if TYPE_CHECKING:
    from vqrna.evaluation import Agreement


_WIDTH = 110


def compare(
    sites: Annotated[
        Path,
        typer.Argument(
            help="Output of vqrna predict: TSV, Parquet, BED or bedRMod.",
            metavar="SITES",
            show_default=False,
        ),
    ],
    known: Annotated[
        Path,
        typer.Argument(
            help="Known sites: BED (modification in column 4, or columns by name), bedMethyl or "
            "bedRMod; gzip or not.",
            metavar="BED",
            show_default=False,
        ),
    ],
    out: Annotated[Path, folder_option("Folder for table and plot.")],
    modification: Annotated[
        str | None, option("Modification of unnamed sites.", metavar="NAME")
    ] = None,
    within: Annotated[
        int, option("Match calls up to N nt away from a known site.", metavar="N")
    ] = 0,
    scanned: Annotated[
        Path | None,
        option("BED of the scanned regions.", default="scanned.bed beside SITES", metavar="FILE"),
    ] = None,
    min_percent: Annotated[
        float | None,
        option(
            "Lowest percentage of modified reads of a known site (bedMethyl, bedRMod).",
            default="above 0",
            metavar="P",
        ),
    ] = None,
    name_until: Annotated[
        str, option("Cut names of sequences at the first TEXT, such as '|'.", metavar="TEXT")
    ] = "",
    ignore_version: Annotated[
        bool,
        option(
            "Ignore versions of names: ENST00000257408.4 is ENST00000257408.",
            names=("--ignore-version",),
        ),
    ] = False,
    strict: Annotated[
        bool,
        option(
            "Stop at lines that cannot be used, instead of skipping and counting them.",
            names=("--strict",),
        ),
    ] = False,
) -> None:
    """Compare predicted with known sites: precision, recall and enrichment.

    Reported per modification and tier, with 95 % intervals. Modified sites that
    are missing from the known ones count as false, so precision is a lower
    bound. Recall is too high where the model was trained on the known sites.
    """
    from vqrna.evaluation import compare as run
    from vqrna.evaluation import write_agreement_report
    from vqrna.runtime.files import results_directory

    with results_directory(out):  # report an unusable folder before the work
        agreement = run(
            sites,
            known,
            modification=modification,
            within=within,
            scanned=scanned,
            min_percent=min_percent,
            name_until=name_until,
            ignore_version=ignore_version,
            strict=strict,
            show_progress=True,
        )
        written = write_agreement_report(agreement, out)
    _show(agreement)
    for note in agreement.notes:
        say("note", note)
    report_files(written)


def _show(agreement: Agreement) -> None:
    """Print one row per modification and tier."""
    from rich.markup import escape

    table = new_table(
        ("modification", "tier"),
        ("called", "known", "found", "precision", "recall", "enrichment", "p-value"),
    )
    last = ""
    for row in agreement.table.to_dict("records"):
        first = row["modification"] != last
        last = row["modification"]
        above = " +" if row["tier"] in ("threshold", "low", "medium") else ""
        table.add_row(
            f"[bold]{escape(str(last))}[/]" if first else "",
            escape(str(row["tier"])) + above,
            *(f"{row[name]:,}" for name in ("called", "known", "found")),
            *(
                with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"], form, " ")
                for name, form in (("precision", ".3f"), ("recall", ".3f"), ("enrichment", ",.3g"))
            ),
            _p_value(row["p_value"]),
            style=None if row["found"] else "dim",
        )
    console = new_console(_WIDTH, markup=True)
    console.print(table)
    console.print("[dim]Beside each value: 95 % interval. +: this tier or higher.[/]")


def _p_value(p: float) -> str:
    from vqrna.evaluation.agreement import SMALLEST

    if p != p:
        return MISSING
    return f"<{SMALLEST:.0e}" if p <= SMALLEST else f"{p:.1e}"
