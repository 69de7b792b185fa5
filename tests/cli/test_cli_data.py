from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from vqrna.cli.data import app
from vqrna.data import fetch as fetching
from vqrna.data.fasta import read_fasta
from vqrna.errors import DataError, UsageError

SEQUENCES = ["".join(row) for row in np.random.default_rng(5).choice(list("ACGU"), (40, 101))]


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def fasta(path: Path, sequences: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">w{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split, rows in (("train", SEQUENCES[:20]), ("valid", SEQUENCES[10:30])):
        for label in (0, 1):
            fasta(tmp_path / "data" / split / f"8-{label}.fasta", rows[label::2])
    return tmp_path / "data"


def test_check_shows_a_row_for_each_file_in_80_columns(data: Path) -> None:
    result = call("check", data)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.startswith("m6A")]
    assert [row[1:4] for row in rows] == [
        ["random", "10", "101"], ["modified", "10", "101"],
        ["random", "10", "101"], ["modified", "10", "101"],
    ]  # fmt: skip
    assert rows[2][-1] == "50%"  # five of ten valid windows are in train, too
    assert "40 windows (30 distinct)" in result.stdout


def test_check_of_a_broken_data_set_exits_with_1(data: Path) -> None:
    (data / "train" / "8-1.fasta").write_text(">a\nQQ\n")
    result = call("check", data)
    assert result.exit_code == 1
    assert "8-1.fasta, record 'a', line 2: 'Q'" in result.stderr
    with pytest.raises(DataError):
        call("check", data / "nowhere")


def test_split_of_a_data_set(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    result = call("split", data, "--out", out, "--valid", 0.2, "--test", 0.2, "--max-cluster", 0.2)
    assert result.exit_code == 0
    assert "the largest holds 2 (5.00%)" in result.stdout
    assert "60 nt or more" in result.stdout
    paths = sorted(str(path.relative_to(out)) for path in out.rglob("*.gz"))
    assert paths == [f"{s}/8-{k}.fasta.gz" for s in ("test", "train", "valid") for k in (0, 1)]
    assert sum(1 for path in out.rglob("*.gz") for _ in read_fasta(path)) == 40


def test_split_of_a_pair_of_fasta_files(tmp_path: Path) -> None:
    one = fasta(tmp_path / "p.fa", SEQUENCES[:20])
    other = fasta(tmp_path / "n.fa", SEQUENCES[20:])
    pair = ("--positives", one, "--negatives", other)
    call("split", *pair, "-m", "myType", "--out", tmp_path / "new", "--seed", 4)
    assert len(list(read_fasta(tmp_path / "new/train/myType-1.fasta.gz"))) == 16


def test_split_of_some_types_of_a_table(tmp_path: Path) -> None:
    lines = [f"{s},{'Psi' if i % 2 else 'mine'},{i % 4 // 2}" for i, s in enumerate(SEQUENCES)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["sequence,modification,label", *lines]))
    call("split", table, "-m", "mine", "--out", tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new/train").iterdir()) == [
        "mine-0.fasta.gz",
        "mine-1.fasta.gz",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["somewhere", "--positives", "p.fa"],
        ["--positives", "p.fa", "-m", "m6A"],
        ["--positives", "p.fa", "--negatives", "n.fa"],
        ["--positives", "p.fa", "--negatives", "n.fa", "-m", "m6A,Psi"],
        ["somewhere", "--positives", "p.fa", "--negatives", "n.fa", "-m", "m6A"],
    ],
)
def test_split_wants_one_source(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        call("split", *arguments, "--out", tmp_path / "new")


def test_fetch_tells_what_came_and_what_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    asked: dict[str, object] = {}
    rows = [
        ("train/8-0.fasta", "fetched", 2_000_000, "", ""),
        ("train/8-1.fasta", "missing", 0, "", "the server has no such file"),
    ]

    def fake(directory: Path, **options: object) -> fetching.FetchReport:
        asked.update(options)
        columns = ["file", "status", "bytes", "sha256", "detail"]
        return fetching.FetchReport(directory, pd.DataFrame(rows, columns=columns))

    monkeypatch.setattr(fetching, "fetch_data", fake)
    result = call("fetch", tmp_path, "-m", "m6A", "--splits", "train,valid")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}: 1 fetched, 1 missing (2.0 MB)\n"
    assert "train/8-1.fasta: the server has no such file" in result.stderr
    assert asked["base"] == fetching.HOME
    assert asked["splits"] == ["train", "valid"]
    assert [m.symbol for m in asked["modifications"]] == ["m6A"]  # type: ignore[attr-defined]
    rows.append(("train/9-1.fasta", "failed", 0, "", "another checksum"))
    result = call("fetch", tmp_path)
    assert (result.exit_code, asked["modifications"]) == (1, None)


def test_neither_torch_nor_pandas_is_imported_for_help() -> None:
    script = (
        "import sys; import vqrna.cli.data; "
        "print([m for m in ('torch', 'pandas', 'scipy', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
