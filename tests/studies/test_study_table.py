"""Tables of studies from hand-made cells: intervals, differences, ties told as ties."""

import math

import numpy as np
import pytest

from hand_cells import cell, scores
from vqrna.errors import DataError
from vqrna.studies.report import (
    ablation_lines,
    best,
    check_one_series,
    difference,
    differences_from,
    length_lines,
    tabulate,
    write_lengths,
)
from vqrna.studies.run import in_order, write_report


def row(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_one_seed_keeps_the_interval_of_the_windows():
    table = tabulate([cell(auroc=0.8, half=0.1)])
    one = row(table, modification="Am", windows="all", metric="auroc")
    assert (one.value, one.seeds, one.epochs, one.length) == (0.8, 1, 2, 51)
    assert (one.low, one.high) == pytest.approx((0.7, 0.9))
    assert "one seed" in one.interval
    assert set(table.modification) == {"Am", "Cm", "mean"}
    assert set(table.windows) == {"all", "non_overlapping"}


def test_several_seeds_add_their_spread_to_it():
    table = tabulate([cell(auroc=0.80, half=0.03), cell(auroc=0.84, half=0.03, seed=1)])
    one = row(table, modification="Am", windows="all", metric="auroc")
    # t of one degree of freedom is 12.706; the standard error of 0.80 and 0.84 is 0.02
    half = math.hypot(0.03, 12.7062 * 0.02)
    assert one.value == pytest.approx(0.82)
    assert (one.low, one.high) == pytest.approx((0.82 - half, 0.82 + half), abs=1e-5)
    assert "2 seeds" in one.interval
    assert one.seeds == 2


def test_pairs_are_compared_resample_by_resample():
    noise = np.random.default_rng(0).normal(0, 0.05, 200)
    ours = cell("51 nt", 0.82, resampled=list(0.82 + noise))
    theirs = cell("101 nt", 0.80, resampled=list(0.80 + noise + np.tile([0.005, -0.005], 100)))
    found = difference([ours], [theirs], "Am", "all")
    # The noise that both share is gone: what stays is the +-0.005
    assert found.paired
    assert found.value == pytest.approx(0.02)
    assert found.high - found.value == pytest.approx(1.96 * 0.005, rel=0.01)
    assert found.significant
    assert best([ours, theirs], "Am", "all").tied == ()


def test_without_resamples_only_intervals_apart_count():
    near = difference([cell("51 nt", 0.9, 0.06)], [cell("101 nt", 0.8, 0.06)], "Am", "all")
    assert not near.paired
    assert not near.significant
    assert (near.low, near.high) == pytest.approx((0.1 - 0.12, 0.1 + 0.12))
    far = difference([cell("51 nt", 0.9, 0.04)], [cell("101 nt", 0.8, 0.04)], "Am", "all")
    assert far.significant


def test_seeds_are_compared_in_pairs_and_their_spread_counts():
    same = [0.0, 0.0]
    a = [cell("51 nt", v, seed=s, resampled=same) for s, v in enumerate((0.82, 0.86))]
    b = [cell("101 nt", v, seed=s, resampled=same) for s, v in enumerate((0.80, 0.80))]
    found = difference(a, b, "Am", "all")
    assert found.value == pytest.approx(0.04)
    assert found.high - found.value == pytest.approx(12.7062 * 0.02, abs=1e-5)


def test_ties_are_told_as_ties(tmp_path):
    cells = [cell("101 nt", 0.85, 0.04), cell("51 nt", 0.84, 0.04), cell("151 nt", 0.7, 0.04)]
    lines = length_lines(cells, "all")
    assert lines[0] == (
        "- Am: 101 nt (AUROC 0.850 (0.810 to 0.890)); not distinguishable from 51 nt; "
        "the shortest of these is 51 nt."
    )
    clear = [cell("101 nt", 0.95, 0.04), cell("51 nt", 0.7, 0.04)]
    assert length_lines(clear, "all")[0].endswith("distinguishable from all others.")


def test_the_report_of_lengths_holds_what_the_cells_hold(tmp_path):
    cells = [cell("101 nt", 0.95, 0.01), cell("51 nt", 0.8, 0.01), cell("151 nt", 0.945, 0.01)]
    files = write_report("lengths", in_order("lengths", cells), tmp_path, "colorblind")
    names = ["lengths.csv", "lengths.md", "lengths.png", "lengths.svg", "run.json"]
    assert [file.name for file in files] == names
    text = files[1].read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[0] == "| length | Am | Cm | mean | minutes per cell |"
    assert lines[1].startswith("| 51 nt | 0.800 (0.790 to 0.810) | ")
    assert lines[2].startswith("| 101 nt | **0.950 (0.940 to 0.960)** | ")
    assert lines[3].startswith("| 151 nt | 0.945 (0.935 to 0.955) ≈ | ")
    assert "2 epochs (reduced)" in text
    assert "one seed" in text
    assert files[0].read_text().startswith("study,model,variant,length,joint,epochs,")
    assert files[2].read_bytes().startswith(b"\x89PNG")
    again = in_order("lengths", list(reversed(cells)))
    assert again == in_order("lengths", cells)  # the order of the files says nothing


def test_the_report_of_ablations_compares_with_the_whole(tmp_path):
    def made(name, auroc, length):
        steps = list(auroc + np.tile([0.001, -0.001], 100) * (1 if name == "full" else -1))
        return cell(name, auroc, 0.05, study="ablations", length=length, resampled=steps)

    cells = [made("no quantiser", 0.86, 101), made("full", 0.85, 51), made("64 codes", 0.851, 71)]
    found = differences_from(cells, "full")
    assert list(dict.fromkeys(found.variant)) == ["no quantiser", "64 codes"]
    assert ablation_lines(cells) == [
        "- no quantiser: +0.010 (+0.006 to +0.014)",
        "- 64 codes: +0.001 (-0.003 to +0.005), not distinguishable",
    ]
    files = write_report("ablations", in_order("ablations", cells), tmp_path, "types")
    text = files[1].read_text()
    assert text.index("| full |") < text.index("| no quantiser |") < text.index("| 64 codes |")
    assert "| no quantiser | **+0.010 (+0.006 to +0.014)** |" in text
    table = files[0].read_text().splitlines()
    assert table[0].endswith("difference,difference_low,difference_high")


def test_what_is_missing_stays_empty(tmp_path):
    rows = scores(0.8, 0.1, [], "Am")  # nothing of Cm, and no mean
    cells = [cell("51 nt", rows=rows), cell("101 nt", 0.9, 0.01)]
    text = write_lengths(cells, tmp_path)[1].read_text()
    assert "| 51 nt | 0.800 (0.700 to 0.900) ≈ |  |  | 1.0 |" in text
    assert best([cells[0]], "Cm", "all") is None
    assert "- Cm: no value." in length_lines([cells[0]], "all")


def test_cells_that_make_no_one_table_are_refused():
    with pytest.raises(DataError, match="no cells yet"):
        check_one_series([])
    mixed = [cell("51 nt"), cell("101 nt", epochs=9)]
    with pytest.raises(DataError, match=r"several studies.*epochs: 2, 9; modifications: Am Cm"):
        check_one_series(mixed)
    for other in ("51 nt", "101 nt"):
        with pytest.raises(DataError, match="several studies"):
            check_one_series([cell("51 nt"), cell(other, dropout=0.5)])
    check_one_series([cell("51 nt"), cell("51 nt", seed=1), cell("101 nt")])
