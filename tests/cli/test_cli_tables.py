"""Text of a user is printed as it is, brackets included."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from vqrna.cli import mutate, train, tune
from vqrna.cli.tables import new_console, new_table, with_interval

ODD = Path("runs[old]") / "x[" / "red]"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_a_table_has_no_markup_unless_it_is_wanted(capsys):
    table = new_table(("a[b]",), ("c[/d]",), "e[f]")
    table.add_row("[bold]g[/]", "h[/i]")
    new_console().print(table)
    out = capsys.readouterr().out
    assert all(text in out for text in ("a[b]", "c[/d]", "e[f]", "[bold]g[/]", "h[/i]"))
    table = new_table(("a",))
    table.add_row(with_interval(0.5, 0.4, 0.6, separator=" "))
    new_console(markup=True).print(table)
    assert "0.500 0.400–0.600" in capsys.readouterr().out


@pytest.mark.parametrize("folder", [ODD, Path("[/old]")])
def test_the_folder_of_a_training_is_printed_as_it_is(capsys, folder):
    train._show(SimpleNamespace(results={}, folder=folder))
    assert f"wrote {folder}\n" in capsys.readouterr().out


@pytest.mark.parametrize("folder", [ODD, Path("[/old]")])
def test_the_folder_of_a_search_is_printed_as_it_is(capsys, folder):
    table = pd.DataFrame(
        {"trial": [1], "state": ["complete"], "value": [0.5], "best_epoch": [2], "lr": [0.1]}
    )
    search = SimpleNamespace(
        direction="maximize",
        settings=SimpleNamespace(metric="auroc"),
        space=SimpleNamespace(parameters=[SimpleNamespace(label="lr")]),
    )
    result = SimpleNamespace(table=table, number=1, folder=folder)
    tune._show(search, result, Path("my data"), ["a[b]", "Am"])
    out = capsys.readouterr().out
    assert f"wrote {folder}; to train" in out
    words = shlex.split(out.rpartition("settings: ")[2])
    assert words[:2] == ["vqrna", "train"]
    assert words[2:] == [
        "--config", f"{folder}/config.toml", "--data", "my data", "--modifications", "a[b],Am",
        "--out", "DIR",
    ]  # fmt: skip


def test_types_of_an_atlas_are_printed_as_they_are(capsys, monkeypatch):
    row = {"start": 1, "stop": 2, "ref_code": 3, "alt_code": 4, "effect": 0.5}
    table = pd.DataFrame([{**row, "ref_type": "m6A[x]", "alt_type": "[/y]"}])
    result = SimpleNamespace(summary="[z] changes", table=table, paths=[])
    monkeypatch.setattr("vqrna.interpret.code_changes.code_changes", lambda *_, **__: result)
    monkeypatch.setattr("vqrna.interpret.code_changes.write_code_changes", lambda *_: result)
    mutate.mutate("in.fa", "m6A", 1, ["A1G"], out=Path("out"))
    out = capsys.readouterr().out
    assert "[z] changes" in out
    assert "m6A[x] → [/y]" in out
