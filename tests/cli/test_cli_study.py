"""`vqrna lengths` and `vqrna ablate`: plan, run, table of what is there, one line for faults."""

import pytest

from hand_cells import TOML, cell, write_data
from vqrna.cli import study
from vqrna.studies import CellStore
from vqrna.studies.ablations import ABLATIONS


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("study") / "data")


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "tiny.toml").write_text(TOML)
    return ("--config", tmp_path / "tiny.toml", "--epochs", 1, "--resamples", 10, "--device", "cpu")


def test_the_help_names_every_ablation(vqrna_main):
    assert list(study.ABLATIONS) == [ablation.key for ablation in ABLATIONS]
    shown = " ".join(vqrna_main("ablate", "--help").out.replace("│", " ").split())
    assert all(f"{ablation.key}," in shown or f"{ablation.key}." in shown for ablation in ABLATIONS)


def test_a_plan_is_shown_and_nothing_made(vqrna_main, data, settings, tmp_path):
    out = tmp_path / "out"
    found = vqrna_main("lengths", "--data", data, "--lengths", "51,101", "--out", out, *settings,
                       "--dry-run")  # fmt: skip
    assert found.code == 0
    assert "2 of 2 cells to train: " in found.out
    assert "measured on short epochs" in found.out
    assert not out.exists()


def test_ablate_makes_cells_table_and_picture(vqrna_main, data, settings, tmp_path):
    out = tmp_path / "out"
    found = vqrna_main("ablate", "--data", data, "--ablations", "no-quantizer", "--out", out,
                       "--runs", tmp_path / "runs", "--jobs", 2, *settings)  # fmt: skip
    assert found.code == 0, found.err
    assert "- no quantiser: " in found.out
    assert "cells: 2 of 2 cells (100%)" in found.err or "full, seed 0: AUROC" in found.err
    assert len(list((out / "cells").glob("*.json"))) == 2
    assert {p.name for p in out.iterdir()} == {
        "cells", "ablations.csv", "ablations.md", "ablations.png", "ablations.svg",
        "run.json",
    }  # fmt: skip
    again = vqrna_main("ablate", "--out", out)
    assert again.code == 0
    assert again.out == found.out


def test_without_data_the_table_is_of_what_is_there(vqrna_main, tmp_path):
    store = CellStore(tmp_path / "cells")
    for made in (cell("51 nt", 0.9), cell("101 nt", 0.85)):
        store.put(made)
    found = vqrna_main("lengths", "--out", tmp_path, "--palette", "colorblind")
    assert found.code == 0
    assert (
        "- Am: 51 nt (AUROC 0.900 (0.800 to 1.000)); not distinguishable from 101 nt." in found.out
    )
    assert "wrote " in found.out
    store.put(cell("51 nt", 0.9, epochs=7))
    mixed = vqrna_main("lengths", "--out", tmp_path)
    assert mixed.code == 1
    assert "several studies" in mixed.err


def test_failed_cells_are_told_in_one_line_and_the_rest_is_written(
    vqrna_main, data, settings, tmp_path, monkeypatch
):
    from vqrna.studies import plan

    monkeypatch.setattr(plan, "WORKER", "no_such_module")
    found = vqrna_main(
        "lengths", "--data", data, "--lengths", "51", "--out", tmp_path / "o", *settings
    )
    assert found.code == 1
    last = found.err.strip().splitlines()[-1]
    assert last.startswith("vqrna: error: ")
    assert "1 of 1 cells failed, first '51 nt' with seed 0: " in last
    assert "no_such_module" in last
    assert "repeat the command to try again" in last


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--lengths", "51,x"], 2, "--lengths needs integers such as 1,2, not '51,x'"),
        (["--lengths", "52"], 2, "must be odd"),
        (["--seeds", "0,0"], 2, "--seeds holds 0 twice"),
        (["--jobs", "0"], 2, "invalid number of processes 0"),
        (["--engine", "x"], 2, "unknown engine 'x'"),
        (["--address", "auto"], 2, "--address needs --engine ray"),
        (["--palette", "x"], 2, "unknown palette 'x'"),
        (["--preset", "x"], 2, "unknown preset 'x'"),
        (["--modifications", "x"], 2, "unknown modification 'x'"),
        (["--device", "x"], 2, "x"),
    ],
)
def test_wrong_words_are_told_before_any_work(vqrna_main, data, tmp_path, words, code, said):
    out = tmp_path / "out"
    given = ["--lengths", "51", *words] if "--lengths" not in words else words
    found = vqrna_main("lengths", "--data", data, "--out", out, *given)
    assert (found.code, len(found.err.strip().splitlines())) == (code, 1)
    assert said in found.err
    assert not out.exists()


def test_without_data_there_is_no_plan(vqrna_main, tmp_path):
    assert "--dry-run needs --data" in vqrna_main("ablate", "--out", tmp_path, "--dry-run").err
    none = vqrna_main("ablate", "--out", tmp_path)
    assert none.code == 1
    assert "no cells of this study yet" in none.err
