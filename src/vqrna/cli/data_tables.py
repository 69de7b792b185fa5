"""What `vqrna data check` and `vqrna data split` show: tidy tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from vqrna.data.check import CheckReport
    from vqrna.data.split import SplitReport

_FILE = ("split", "modification", "label", "negatives")
_COUNTS = ("odd_letters", "repeated", "other_split", "other_label", "other_type")
_HEADINGS = (
    "windows",
    "length",
    "site",
    "odd",
    "twice",
    "other\nsplit",
    "other\nlabel",
    "other\ntype",
)
_LEGEND = (
    "odd: letters other than ACGUT. twice: stands in the file before. other split, label, type: "
    "stands there too. overlap: 60 identical contiguous nt within the central 501. "
    "!: the type cannot be on this base."
)
_NONE = "[dim]·[/]"


def print_check(report: CheckReport) -> None:
    """Show a table for each split with a row for each file, and what is true of all."""
    from rich.console import Console

    console = Console(highlight=False)
    for split, files in report.files.groupby("split", sort=False):
        overlaps = report.overlaps[report.overlaps["split"] == split]
        against = list(dict.fromkeys(overlaps["against"]))
        shares = {
            (*(row[key] for key in _FILE), row["against"]): f"{row['share']:.0%}"
            for row in overlaps.to_dict("records")
        }
        table = _table(["type", "class"], [*_HEADINGS, *(f"overlap\n{name}" for name in against)])
        table.title = str(split)
        for row in files.to_dict("records"):
            place = tuple(row[key] for key in _FILE)
            table.add_row(
                row["modification"],
                _class(row),
                f"{row['windows']:,}",
                _length(row),
                _site(row),
                *(f"{row[key]:,}" if row[key] else _NONE for key in _COUNTS),
                *(shares.get((*place, name), _NONE) for name in against),
            )
        console.print(table)
        console.print()
    console.print(
        f"{report.n_windows:,} windows, {report.n_distinct:,} of them different, in "
        f"{report.n_clusters:,} clusters of overlapping ones; the largest holds "
        f"{report.largest_cluster:.1%}."
    )
    console.print(_LEGEND, style="dim")


def print_split(report: SplitReport) -> None:
    """Show how the types were divided, and what similarity is left."""
    from rich.console import Console

    console = Console(highlight=False)
    splits = ("train", "valid", "test")
    table = _table(["type", "class"], splits)
    for row in report.counts.to_dict("records"):
        counts = (f"{row[split]:,}" for split in splits)
        table.add_row(row["modification"], _class(row), *counts)
    console.print(table)
    split = report.split
    console.print(
        f"\n{len(split.cluster):,} windows in {split.n_clusters:,} clusters; "
        f"the largest holds {split.largest:,} ({split.largest_share:.2%}).\n"
    )
    if len(report.remaining):
        console.print(_remaining(report.remaining))
    console.print(f"Written to {report.directory}", markup=False, soft_wrap=True)


def _remaining(remaining: pd.DataFrame) -> Table:
    """Tell for each length of shared pieces how many windows still share one."""
    pairs = list(dict.fromkeys(zip(remaining["split"], remaining["against"], strict=True)))
    table = _table(["windows that share"], [f"{ours}\nwith {theirs}" for ours, theirs in pairs])
    for shared, rows in remaining.groupby("shared_nt"):
        table.add_row(f"{shared} nt or more", *(f"{share:.1%}" for share in rows["share"]))
    return table


def _table(left: list[str], right: list[str] | tuple[str, ...]) -> Table:
    """Make a table that fits into 80 columns: names on the left, numbers on the right."""
    from rich import box
    from rich.table import Table

    style = box.SIMPLE_HEAD
    table = Table(box=style, show_edge=False, padding=0, title_justify="left", title_style="bold")
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def _class(row: Mapping[Any, Any]) -> str:
    """Name the class of a file: modified, or its set of negatives."""
    return "modified" if row["label"] == 1 else str(row["negatives"])


def _length(row: Mapping[Any, Any]) -> str:
    """Tell the lengths of a file, and how many windows have an even one."""
    short, long = row["shortest"], row["longest"]
    even = f"\n({row['even']} even)" if row["even"] else ""
    return (f"{short}" if short == long else f"{short}-{long}") + even


def _site(row: Mapping[Any, Any]) -> str:
    """Tell the bases in the centre: one letter, or shares of several, ``!`` if a wrong one."""
    counts = {base: row[f"site_{base}"] for base in ("A", "C", "G", "U", "other")}
    total = sum(counts.values())
    there = sorted((base for base in counts if counts[base]), key=lambda base: -counts[base])
    wrong = "[bold red]![/] " if row["wrong_site"] else ""
    if len(there) == 1:
        return wrong + there[0]
    return wrong + " ".join(f"{base} {counts[base] / total:.0%}" for base in there)
