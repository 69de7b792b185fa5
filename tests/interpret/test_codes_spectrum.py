"""The spectrum of a codebook whose codes are made by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from tiny import fresh, planted, tiny
from vqrna.errors import DataError, UsageError
from vqrna.interpret.codes import (
    CodedWindows,
    logits_from_codes,
    read_codes,
    require_single_codebook,
    token_layout,
)
from vqrna.interpret.spectrum import paper_spectrum, spectrum, term_frequency, write_spectrum
from vqrna.model import ModelSet
from vqrna.runtime.run_record import read_run_record
from vqrna.sequence import one_hot, recentre

SYMBOLS = ("Am", "Cm", "Um")


@pytest.fixture(scope="module")
def model():
    return fresh(tiny(codebook_size=16), SYMBOLS)


@pytest.fixture(scope="module")
def windows():
    return planted(n=80, length=71, symbols=SYMBOLS)


@pytest.fixture(scope="module")
def strings(model, windows):
    """Random codes, but the type's number stands at the modified sites (12 for Um)."""
    place = token_layout(model.network)
    rng = np.random.default_rng(0)
    codes = rng.integers(3, 12, (len(windows), len(place.starts)))
    for m, code in enumerate((0, 1, 12)):
        codes[windows.labels[:, m] == 1, place.site_token] = code
    return CodedWindows(codes, np.zeros((len(windows), 3)), place, 16)


def test_strings_are_the_networks_own(model, windows):
    found = read_codes(model, windows.tokens)
    cut = np.ascontiguousarray(recentre(windows.tokens, model.length))
    with torch.inference_mode():
        out = model.network(one_hot(torch.from_numpy(cut)))
    assert np.array_equal(found.codes, out.codes.numpy())
    assert found.logits == pytest.approx(out.logits.numpy())
    assert logits_from_codes(model, found.codes) == pytest.approx(found.logits, abs=1e-5)
    assert found.usage().sum() == pytest.approx(1)


def test_planted_codes_head_their_types(model, windows, strings):
    found = spectrum(model, windows, permutations=500, strings=strings)
    for m, code in enumerate((0, 1, 12)):
        own = found.order[found.group[found.order] == m]
        assert own[0] == code
        assert found.q[0, code, m] < 0.05
        assert np.nanmin(np.delete(found.q[0, :, m], code)) > 0.05
    assert [own for _, _, own in found.summary()] == [[0], [1], [12]]
    assert set(found.order) == {0, 1, 12, *range(3, 12)}  # what is not used is not told
    # The TF-IDF is that of the modified windows
    chosen = np.flatnonzero(windows.labels[:, 0] == 1)
    counts = term_frequency(strings.codes, [chosen], 16)[:, 0]
    assert found.tf_idf[0, 0] == pytest.approx(counts[0] * np.log(1 + 3 / 1))
    assert found.tf_idf[5, 0] == pytest.approx(counts[5] * np.log(1 + 3 / 3))


def test_the_published_way_counts_all_windows(model, windows, strings):
    found = paper_spectrum(model, windows, strings=strings)
    z = found.matrix().set_index("code")
    assert z.mean(axis=1).abs().max() < 1e-12
    assert z.std(axis=1, ddof=0).to_numpy() == pytest.approx(1)
    best = z.max(axis=1).to_numpy()
    group = z.to_numpy().argmax(axis=1)
    assert (np.diff(group) >= 0).all()
    assert (np.diff(best)[np.diff(group) == 0] <= 0).all()
    rows = [np.flatnonzero(windows.labels[:, m] >= 0) for m in range(3)]
    counts = term_frequency(strings.codes, rows, 16)[0]
    assert z.loc[0].to_numpy() == pytest.approx((counts - counts.mean()) / counts.std())


@pytest.mark.parametrize("paper", [False, True])
def test_files(model, windows, strings, tmp_path, paper):
    if paper:
        found = paper_spectrum(model, windows, strings=strings)
    else:
        found = spectrum(model, windows, permutations=100, strings=strings)
    written = write_spectrum(found, tmp_path, model_hash="beef", split="valid")
    names = ["tf_idf_matrix_sorted.csv", "spectrum.tsv"][: 1 if paper else 2]
    names += [f"VQRNA_feature_spectrum.{kind}" for kind in ("png", "svg", "html")]
    assert [path.name for path in written] == [*names, "run.json"]
    record = read_run_record(tmp_path)
    assert (record["model"], record["settings"]) == ("beef", {"split": "valid", "paper": paper})
    assert record["files"] == names
    matrix = pd.read_csv(written[0])
    assert list(matrix) == ["code", *SYMBOLS]
    assert matrix.code.tolist() == found.order.tolist()
    html = written[-2].read_text()
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "cancels" in html
    assert "/*" not in html
    if not paper:
        table = pd.read_csv(written[1], sep="\t")
        assert len(table) == len(found.order) * 3
        assert table.code.tolist() == np.repeat(found.order, 3).tolist()
        first = table[(table.code == 12) & (table.modification == "Um")].iloc[0]
        assert first.group == "Um"
        assert first.modified_at_site == 40
        assert first.unmodified_at_site == 0
        assert first.log_odds_site == pytest.approx(found.values[12, 2], rel=1e-4)


def test_types_without_both_classes_are_left_out_and_none_is_an_error(model, windows, strings):
    only = windows.take(windows.labels[:, 0] != 0)
    codes = CodedWindows(
        strings.codes[windows.labels[:, 0] != 0], strings.logits, strings.layout, 16
    )
    found = spectrum(model, only, permutations=0, strings=codes)
    assert [m.symbol for m in found.modifications] == ["Cm", "Um"]
    with pytest.raises(UsageError, match="'hard'"):
        spectrum(model, windows, negatives="hard", permutations=0)
    with pytest.raises(DataError, match=r"both modified and unmodified windows$"):
        spectrum(model, windows.take((windows.labels != 0).all(axis=1)), permutations=0)
    sets = np.where(windows.labels == 0, 1, -1)
    named = dataclasses.replace(windows, negative_set=sets, negative_sets=("random", "same_motif"))
    with pytest.raises(DataError, match=r"'random' negatives.; try --negatives same_motif"):
        spectrum(model, named, permutations=0)


def test_a_set_of_models_has_no_common_codebook(model):
    with pytest.raises(UsageError, match="2 codebooks"):
        require_single_codebook(ModelSet((model, model)))
    assert require_single_codebook(ModelSet((model,))) is model
