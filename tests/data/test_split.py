from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vqrna.data import benchmark
from vqrna.data.benchmark import SPLITS, load_benchmark
from vqrna.data.fasta import read_fasta
from vqrna.data.overlap import overlapping
from vqrna.data.split import balance, read_all_splits, split_data, split_windows
from vqrna.data.windows import WindowSet
from vqrna.errors import DataError, UsageError
from vqrna.modifications import Modification, modification
from vqrna.runtime.processes import process_namespace
from vqrna.sequence import decode

M6A, PSI = modification("m6A"), modification("Psi")


def window_set(seed: int, n: int, kind=M6A, label: int = 1, negatives: str = "random") -> WindowSet:
    tokens = np.random.default_rng(seed).integers(0, 4, size=(n, 201)).astype(np.uint8)
    names = tuple(f"{kind.symbol}_{label}_{i} note {i}" for i in range(n))
    return WindowSet(tokens, names, kind, label, negatives)


def sets_with_overlaps() -> list[WindowSet]:
    """Four sets of 100, of which every tenth window shares 60 nt with one of the next set."""
    sets = [
        window_set(1, 100, M6A, 1),
        window_set(2, 100, M6A, 0),
        window_set(3, 100, M6A, 0, "hard"),
        window_set(4, 100, PSI, 1),
    ]
    for one, other in pairwise(sets):
        other.tokens[::10, :60] = one.tokens[::10, 141:]
    return sets


def all_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_clusters_stay_whole_and_strata_are_divided_evenly() -> None:
    sets = sets_with_overlaps()
    split = split_windows(sets, fractions=(0.6, 0.2, 0.2))
    assert split.n_clusters == 370
    assert split.largest == 4
    assert split.largest_share == 0.01
    for c in np.unique(split.cluster):
        assert len(np.unique(split.split[split.cluster == c])) == 1
    for stratum in np.split(split.split, 4):
        assert np.abs(np.bincount(stratum, minlength=3) - [60, 20, 20]).max() <= 1


def test_the_seed_decides() -> None:
    sets = sets_with_overlaps()
    one, same, other = (split_windows(sets, seed=seed).split for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_balance_copes_with_large_clusters() -> None:
    cluster = np.array([0] * 30 + [1] * 20 + list(range(2, 52)))
    place = balance(cluster, np.zeros(100, dtype=int), (0.5, 0.25, 0.25), seed=0)
    assert np.bincount(place).tolist() == [50, 25, 25]


def test_windows_can_be_divided_into_many_parts() -> None:
    place = balance(np.arange(400), np.zeros(400, dtype=int), [1 / 200] * 200, seed=0)
    assert np.bincount(place).tolist() == [2] * 200


def test_a_split_with_share_0_stays_empty() -> None:
    split = split_windows(sets_with_overlaps(), fractions=(0.9, 0.1, 0.0))
    assert sorted(np.unique(split.split)) == [0, 1]


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5), (float("nan"), float("nan"), 0.1)],
)
def test_impossible_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="fractions"):
        split_windows(sets_with_overlaps(), fractions=fractions)


@pytest.mark.parametrize("wrong", [{"max_cluster": float("nan")}, {"max_cluster": 0}, {"seed": -1}])
def test_impossible_numbers_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match=r"largest cluster|invalid seed"):
        split_windows(sets_with_overlaps(), **wrong)


def test_too_large_a_cluster_is_refused() -> None:
    sets = [window_set(1, 100)]
    sets[0].tokens[:5] = sets[0].tokens[0]
    with pytest.raises(DataError, match=r"5 of 100 windows \(5\.0%\) overlap in one cluster"):
        split_windows(sets)
    assert split_windows(sets, max_cluster=0.06).largest == 5


def test_a_handful_of_windows_that_do_not_overlap_can_be_divided() -> None:
    split = split_windows([window_set(1, 3)], fractions=(0.34, 0.33, 0.33))
    assert sorted(split.split) == [0, 1, 2]


def test_nothing_to_divide_is_an_error() -> None:
    with pytest.raises(DataError, match="no windows"):
        split_windows([])


def test_what_is_written_is_what_was_given(tmp_path: Path) -> None:
    sets = [*sets_with_overlaps(), window_set(9, 20, Modification("ownC", "ownC", "C"), 1)]
    report = split_data(sets, tmp_path / "new", seed=3)
    assert report.directory == tmp_path / "new"
    written: dict[tuple[str, str], str] = {}
    for split in SPLITS:
        for path in (tmp_path / "new" / split).iterdir():
            for record in read_fasta(path):
                written[path.name, record.header] = decode(record.tokens)
    stems = ("8-1", "8-0", "8-hard0", "10-1", "ownC-1")
    given = {
        (f"{stem}.fasta.gz", name): decode(row)
        for stem, s in zip(stems, sets, strict=True)
        for name, row in zip(s.names, s.tokens, strict=True)
    }
    assert written == given
    train, valid = (load_benchmark(tmp_path / "new", s, (M6A,), print) for s in SPLITS[:2])
    assert not overlapping(valid.tokens, train.tokens).any()
    counts = report.counts.set_index(["modification", "label", "negatives"])
    assert counts.loc[("m6A", 0, "hard")].tolist() == [80, 10, 10]
    note = (tmp_path / "new" / "SPLIT.txt").read_text()
    assert "seed: 3" in note
    assert "fractions: train=0.8 valid=0.1 test=0.1" in note


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        split_data(sets_with_overlaps(), tmp_path / name)
    assert all_files(tmp_path / "one") == all_files(tmp_path / "two")


def test_shorter_matches_that_remain_are_told(tmp_path: Path) -> None:
    sets = [window_set(1, 200)]
    sets[0].tokens[:, 10:42] = sets[0].tokens[0, 10:42]  # 32 nt that all share
    remaining = split_data(sets, tmp_path / "new").remaining
    shares = {shared: set(rows["share"]) for shared, rows in remaining.groupby("shared_nt")}
    assert shares == {31: {1.0}, 45: {0.0}, 60: {0.0}}
    assert len(remaining) == 9


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        split_data(sets_with_overlaps(), tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    split_data(sets_with_overlaps(), tmp_path / "new")
    assert (tmp_path / "new" / "train" / "8-1.fasta.gz").exists()


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(3))
    pack = gzip.compress

    def interrupted(*args: bytes, **options: int) -> bytes:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return pack(*args, **options)

    monkeypatch.setattr(benchmark.gzip, "compress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        split_data(sets_with_overlaps(), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f".part-{socket.gethostname()}-{process_namespace()}-{ended.pid}-x"
    (left / "new").mkdir(parents=True)
    (left / "new" / "half.gz").write_text("")
    split_data(sets_with_overlaps(), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert not (tmp_path / "new" / "half.gz").exists()


def test_a_run_leaves_the_hidden_folder_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = gzip.compress
    running: list[bool] = []

    def both(*args: bytes, **options: int) -> bytes:
        if not running:
            running.append(True)
            split_data(sets_with_overlaps(), tmp_path / "new", seed=1)
            shutil.rmtree(tmp_path / "new")
        return pack(*args, **options)

    monkeypatch.setattr(benchmark.gzip, "compress", both)
    split_data(sets_with_overlaps(), tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "run.json").exists()


@pytest.mark.parametrize("link", [False, True])
def test_the_current_folder_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    def working(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setattr("vqrna.data.split.split_windows", working)
    out = Path()
    if link:
        out = tmp_path / "link"
        out.symlink_to(tmp_path / "current")
    with pytest.raises(DataError, match="is the current folder: use a new folder in it"):
        split_data(sets_with_overlaps(), out)
    assert list((tmp_path / "current").iterdir()) == []


def test_a_link_to_an_empty_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    split_data(sets_with_overlaps(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "run.json").exists()


def test_all_splits_of_a_data_set_are_joined(lay_out: Callable, draw: Callable) -> None:
    root = lay_out(
        {
            "train/8-1.fasta": {"a": draw(101)},
            "train/8-0.fasta": {"b": draw(101)},
            "test/8-1.fasta": {"c": draw(101)},
            "test/8-0.fasta": {"d": draw(101)},
        }
    )
    assert [name for s in read_all_splits(root) for name in s.names] == ["b", "a", "d", "c"]


def test_no_split_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no benchmark files"):
        read_all_splits(tmp_path)
