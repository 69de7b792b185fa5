"""`vqrna doctor`: check installed packages, the device and the weights."""

from __future__ import annotations

import typer

_MARKS = {"ok": "[green]✓[/]", "absent": "[yellow]–[/]", "broken": "[bold red]✗[/]"}


def doctor() -> None:
    """Check installed packages, the device and the weights.

    The exit code is 1 if something that vqrna requires is broken.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from vqrna.doctor import check_installation

    report = check_installation()
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    group = ""
    for check in report.checks:
        if check.group != group:
            if group:
                table.add_row("", "", "")
            group = check.group
            table.add_row("", f"[cyan]{group}[/]", "")
        table.add_row(_MARKS[check.state], check.name, escape(check.value))
    console = Console(highlight=False)
    console.print(table)
    if not report.healthy:
        broken = ", ".join(check.name for check in report.checks if check.state == "broken")
        console.print(f"\n[bold red]Broken:[/] {escape(broken)}")
        raise typer.Exit(1)
    console.print("\n[green]All required parts work.[/]")
