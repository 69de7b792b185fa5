"""Print what a scan predicts: sequences first, then modifications, files and notes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna.cli.exits import say
from vqrna.cli.tables import amount, new_console, new_table, number, plural
from vqrna.runtime.run_record import skipped_notes

if TYPE_CHECKING:
    from rich.console import Console

    from vqrna.prediction import Prediction

MOST_PATHS = 5
"""More written files than this are counted, not listed."""

MOST_SEQUENCES = 10
"""Sequences that are listed; the others are in the table."""

LONGEST_NAME = 40
"""Longer names of sequences are cut in the table."""

BEST = 3
"""Most probable sites that are listed of a sequence."""

LOWEST = 0.01
"""Lowest probability of a listed site."""


def show_prediction(result: Prediction, *, to_stderr: bool = False) -> None:
    """Print sequences, the calls of each modification, the files and the notes."""
    console = new_console(stderr=to_stderr)
    called, expected = result.summary["called"].sum(), result.summary["expected"].sum()
    if result.in_genome:
        # Neighbouring regions were joined, so their number is not that of the user; the first bases
        # of transcripts are evaluated in the genome, too, for m6Am
        what = "distinct nt of the genome" if result.distinct else "nt evaluated in transcripts"
        scanned = f"{result.nt:,} {what}"
    else:
        scanned = f"{plural(result.records, 'sequence')}, {result.nt:,} nt"
    console.print(
        f"{scanned}: {plural(int(called), 'called site')}; "
        f"about {amount(float(expected))} modified sites expected (the sum of all probabilities)",
        soft_wrap=True,
    )
    for path in result.paths:
        if path.name == "sequences.tsv":
            _show_sequences(console, path)
    _show_modifications(console, result)
    ties, tokens = result.near_ties
    if ties:
        console.print(
            f"nearly tied codes, computed in double precision: {ties:,} of {tokens:,}", style="dim"
        )
    paths = [f"wrote {path}" for path in result.paths]
    if len(paths) > MOST_PATHS:
        paths = [f"wrote {len(paths)} files to {result.paths[0].parent}"]
    for line in paths:
        console.print(line, soft_wrap=True)
    if result.repeated_names:
        say(
            "note",
            f"records with the name of an earlier record: {result.repeated_names:,} of "
            f"{result.records:,} (their sites cannot be distinguished)",
        )
    if result.empty_records:
        say("note", f"empty records: {result.empty_records:,} of {result.records:,}")
    for line in (
        *skipped_notes(result.skipped),
        *result.unreachable,
        *result.ood_notes,
        *result.notes,
    ):
        say("note", line)


def _show_sequences(console: Console, path: Path) -> None:
    """Print the first rows of the table by sequence, each with its most probable sites."""
    import pandas as pd

    names = dict.fromkeys(["sequence", "transcript_id", "gene", "chromosome", "strand"], str)
    rows = pd.read_csv(
        path, sep="\t", nrows=MOST_SEQUENCES + 1, dtype=names,
        keep_default_na=False, na_values={}, na_filter=True,
    ).to_dict("records")  # fmt: skip
    table = new_table(("sequence",), ("length", "called", "expected"))
    table.add_column("most probable sites")
    for row in rows[:MOST_SEQUENCES]:
        cells = (f"{row['length']:,}", f"{row['called']:,}", amount(float(row["expected"]), ".3f"))
        table.add_row(_clip(row["sequence"]), *cells, _best_sites(row))
    console.print(table)
    if len(rows) > MOST_SEQUENCES:
        console.print(f"the first {MOST_SEQUENCES}; all sequences: {path.name}", style="dim")


def _clip(name: str) -> str:
    """Cut a long name, so that the columns beside it are not cut."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _best_sites(row: dict[Any, Any]) -> str:
    """Return the best sites of a sequence, such as ``m6A 310 (0.21)``."""
    best = []
    for name, value in row.items():
        symbol = str(name).removesuffix("_best_probability")
        if symbol != name and value not in ("", "nan") and float(value) >= LOWEST:
            best.append((-float(value), symbol, int(float(row[f"{symbol}_best_position"]))))
    listed = [f"{symbol} {at} ({-minus:.2g})" for minus, symbol, at in sorted(best)[:BEST]]
    return ", ".join(listed) or "–"


def _show_modifications(console: Console, result: Prediction) -> None:
    """Print the calls of each modification."""
    labels = ["low", "medium", "high"]
    first, per_kb, headings = "modification", "per kb", labels.copy()
    if result.summary["threshold"].any():
        labels.insert(0, "no tier")
        headings.insert(0, "no\ntier")
        first, per_kb = "type", "per\nkb"  # one more column, in 80 characters
    table = new_table(
        (first, "base"), ("candidates", "expected", "called", *headings, per_kb, "shuffled")
    )
    for column in table.columns:
        column.no_wrap = True
    for row in result.summary.rename(columns={"threshold": "no tier"}).to_dict("records"):
        counts = (row[key] for key in ("called", *labels))
        rates = (row[key] for key in ("calls_per_kb", "chance_per_kb"))
        table.add_row(
            row["modification"],
            row["base"],
            f"{row['candidates']:,}",
            amount(float(row["expected"]), ".3f"),
            *(f"{count:,}" for count in counts),
            *(number(rate) for rate in rates),
            style=None if row["called"] else "dim",
        )
    width = console.width
    # A terminal wraps lines that are too long; rich would cut their numbers
    wide = console.options.update(max_width=1000)
    console.width = max(width, console.measure(table, options=wide).maximum)
    console.print(table)
    console.width = width
    console.print(
        "low: 1 in 50 of these calls is expected to be right, medium: 1 in 10, high: 1 in 3; per "
        "kb: called sites per 1,000 nt; shuffled: the same in shuffled sequence",
        style="dim",
    )
