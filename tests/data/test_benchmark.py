from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vqrna.data.benchmark import file_name, find_files, load_benchmark, select_modifications
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS, Modification, modification
from vqrna.sequence import decode

LayOut = Callable[[dict], Path]

SMALL = {
    "train/8-0.fasta": {"n0": "CAG", "n1": "GAG"},
    "train/8-1.fasta.gz": {"p0": "TAT", "p1": "uac"},
    "train/8-hard0.fasta": {"h0": "AAA"},
    "train/10-1.fasta": {"q0": "CUC"},
    "train/10-0.fasta": {"q1": "AUA"},
    "valid/8-1.fasta": {"v0": "GAA"},
}


def symbols(modifications: tuple[Modification, ...]) -> list[str]:
    return [m.symbol for m in modifications]


def test_loads_types_classes_and_named_negatives(lay_out: LayOut) -> None:
    windows = load_benchmark(lay_out(SMALL), "train")
    assert symbols(windows.modifications) == ["m6A", "Psi"]
    assert windows.negative_sets == ("random", "hard")
    told = {
        decode(row): (labels, sets)
        for row, labels, sets in zip(
            windows.tokens, windows.labels.tolist(), windows.negative_set.tolist(), strict=True
        )
    }
    assert told == {
        "CAG": ([0, -1], [0, -1]),
        "GAG": ([0, -1], [0, -1]),
        "UAU": ([1, -1], [-1, -1]),
        "UAC": ([1, -1], [-1, -1]),
        "AAA": ([0, -1], [1, -1]),
        "CUC": ([-1, 1], [-1, -1]),
        "AUA": ([-1, 0], [-1, 0]),
    }


def test_a_missing_file_is_named_and_the_others_go_on(lay_out: LayOut) -> None:
    root = lay_out(SMALL)
    notices: list[str] = []
    windows = load_benchmark(root, "valid", on_missing=notices.append)
    assert symbols(windows.modifications) == ["m6A", "Psi"]  # the same columns in every split
    assert windows.labels.tolist() == [[1, -1]]
    assert notices == [
        f"{root}/valid/8-0.fasta[.gz]: no such file; m6A has no unmodified sites",
        f"{root}/valid/10-0.fasta[.gz]: no such file; Psi has no unmodified sites",
        f"{root}/valid/10-1.fasta[.gz]: no such file; Psi has no modified sites",
    ]


def test_without_a_callback_a_missing_file_is_a_warning(lay_out: LayOut) -> None:
    with pytest.warns(UserWarning, match=r"8-0\.fasta\[\.gz\]: no such file") as caught:
        load_benchmark(lay_out(SMALL), "valid", [modification("m6A")])
    assert caught[0].filename == __file__


def test_a_subset_of_types_in_the_order_asked_for(lay_out: LayOut) -> None:
    wanted = (modification("Psi"), modification("m6A"))
    windows = load_benchmark(lay_out(SMALL), "train", wanted)
    assert windows.modifications == wanted
    assert len(load_benchmark(lay_out(SMALL), "train", wanted[:1])) == 2
    named = load_benchmark(lay_out(SMALL), "train", [wanted[0].symbol])
    assert named.modifications == wanted[:1]
    with pytest.raises(UsageError, match="unknown modification 'm9Z'"):
        load_benchmark(lay_out(SMALL), "train", ["m9Z"])


def test_nothing_at_all_is_an_error(lay_out: LayOut, tmp_path: Path) -> None:
    root = lay_out(SMALL)
    with pytest.raises(DataError, match="no benchmark files"):
        load_benchmark(root, "test")
    with pytest.raises(DataError, match=r"not a folder"):
        load_benchmark(tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match=r"holds no windows of Am \(available: Psi, m6A\)"):
        load_benchmark(root, "train", [modification("Am")], on_missing=lambda line: None)
    with pytest.raises(UsageError, match="unknown split 'dev'"):
        load_benchmark(root, "dev")


def test_a_model_s_own_version_of_a_type_finds_its_files(lay_out: LayOut) -> None:
    tuned = Modification("m6A", "N6-methyladenosine", "DRACH", 2, prior=0.1)
    windows = load_benchmark(lay_out(SMALL), "train", [tuned])
    assert windows.modifications == (tuned,)
    assert len(windows) == 5


def test_types_of_one_s_own_are_named_by_symbol(lay_out: LayOut) -> None:
    root = lay_out(
        {
            "train/ownC-1.fasta": {"a": "ACA", "b": "GCG"},
            "train/ownC-0.fasta": {"c": "UCU"},
            "train/m6A-0.fasta": {"d": "UAU"},
            "train/m6A-1.fasta": {"e": "CAC"},
            "train/99-1.fasta": {"f": "CAC"},
        }
    )
    notices: list[str] = []
    windows = load_benchmark(root, "train", on_missing=notices.append)
    assert symbols(windows.modifications) == ["m6A", "ownC"]
    assert windows.modifications[1].context == "C"
    assert notices == [f"{root}/train/99-1.fasta: no known modification has the number 99; skipped"]


def test_types_are_selected_by_name_those_of_one_s_own_too(lay_out: LayOut) -> None:
    root = lay_out({"train/ownC-1.fasta": {"a": "ACA"}, "train/8-0.fasta": {"b": "UAU"}})
    assert symbols(select_modifications(root, None)) == ["m6A", "ownC"]
    assert symbols(select_modifications(root, ["ownC,Am"])) == ["Am", "ownC"]
    with pytest.raises(UsageError, match="unknown modification 'zz'"):
        select_modifications(root, ["zz"])


def test_too_many_types_are_refused_by_their_file_names(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for n in range(257):
        (tmp_path / "train" / f"x{n}-1.fasta").touch()
    with pytest.raises(DataError, match="files of 257 modifications"):
        load_benchmark(tmp_path, "train")


def test_unequal_lengths_are_padded_about_the_site(lay_out: LayOut) -> None:
    root = lay_out({"train/1-0.fasta": {"a": "A", "b": "GCAUG"}, "train/1-1.fasta": {"c": "CAU"}})
    windows = load_benchmark(root, "train")
    assert [decode(row) for row in windows.tokens] == ["NNANN", "GCAUG", "NCAUN"]


def test_an_even_length_is_named(lay_out: LayOut) -> None:
    root = lay_out({"train/1-0.fasta": {"a": "CAG", "b": "CA"}, "train/1-1.fasta": {"c": "CAU"}})
    with pytest.raises(DataError, match=r"1-0\.fasta, record 'b', line 3: the window is 2 nt"):
        load_benchmark(root, "train")


def test_find_files_passes_over_others_and_prefers_plain(lay_out: LayOut) -> None:
    root = lay_out(
        {
            "train/8-1.fasta": {"p": "CAG"},
            "train/8-1.fasta.gz": {"p": "CAG"},
            "train/8-hard1.fasta": {"p": "CAG"},
            "train/8-2.fasta": {"p": "CAG"},
            "train/notes.txt": {},
            "train/my-own-very_hard0.fasta": {"p": "CAG"},
        }
    )
    found = [(f.path.name, f.symbol, f.label, f.negatives) for f in find_files(root, "train")]
    assert found == [
        ("8-1.fasta", "m6A", 1, "random"),
        ("my-own-very_hard0.fasta", "my-own", 0, "very_hard"),
    ]


def test_file_names() -> None:
    assert file_name(modification("m6A"), 0, "hard") == "8-hard0.fasta"
    assert file_name(modification("m6A"), 0) == "8-0.fasta"
    assert file_name(Modification("ownC", "ownC", "C"), 1) == "ownC-1.fasta"


COUNTS = {  # the benchmark's own table: train unmodified, modified; valid unmodified, modified
    "Am": (1273, 1272, 159, 159),
    "Cm": (1503, 1503, 187, 187),
    "Gm": (1177, 1177, 147, 147),
    "Um": (1803, 1803, 225, 225),
    "m1A": (1388, 1388, 246, 245),
    "m5C": (2566, 2565, 320, 320),
    "m5U": (2956, 2956, 369, 369),
    "m6A": (3869, 4298, 544, 527),
    "m6Am": (1958, 1896, 244, 237),
    "Psi": (2509, 2444, 313, 305),
    "m7G": (836, 836, 150, 150),
}


@pytest.fixture(scope="module")
def real(real_benchmark: Path) -> dict:
    return {split: load_benchmark(real_benchmark, split) for split in ("train", "valid")}


def test_the_real_benchmark_has_the_counts_it_states(real: dict) -> None:
    """Merging may take a few: windows that stand twice in a file, or in both sets of negatives."""
    assert real["train"].modifications == MODIFICATIONS
    for column, m in enumerate(MODIFICATIONS):
        for split, stated in (("train", COUNTS[m.symbol][:2]), ("valid", COUNTS[m.symbol][2:])):
            windows = real[split]
            unmodified = (windows.labels[:, column] == 0) & (windows.negative_set[:, column] == 0)
            modified = windows.labels[:, column] == 1
            assert unmodified.sum() == stated[0]
            assert stated[1] - 20 <= modified.sum() <= stated[1]
    assert (real["train"].conflicts, real["valid"].conflicts) == (0, 0)


def test_the_real_benchmark_has_windows_of_several_types(real: dict) -> None:
    m5u, psi = (symbols(MODIFICATIONS).index(s) for s in ("m5U", "Psi"))
    both = sum(
        int(((w.labels[:, m5u] == 1) & (w.labels[:, psi] == 1)).sum()) for w in real.values()
    )
    assert both <= 10  # ten with the test windows that are held back
    assert both >= 5


def test_the_real_benchmark_has_its_base_in_the_centre(real: dict) -> None:
    for windows in real.values():
        for column, m in enumerate(MODIFICATIONS):
            known = windows.tokens[windows.labels[:, column] >= 0]
            assert m.candidates(known)[:, known.shape[1] // 2].all()
