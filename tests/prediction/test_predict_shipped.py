"""The shipped model: `predict` and `evaluate` say the same of real windows."""

import numpy as np
import pandas as pd
import pytest
from benchmarks.kept import read_results
from benchmarks.scan_reliability import RESULTS

from seeded import letters
from vqrna.data.benchmark import load_benchmark
from vqrna.evaluation.scan_reliability import ENOUGH, FACTOR, holds
from vqrna.model import Model
from vqrna.model.weights import SHIPPED, load_model
from vqrna.prediction import predict
from vqrna.sequence import centre, decode, encode

pytestmark = pytest.mark.skipif(not SHIPPED.is_file(), reason="no weights are shipped yet")


@pytest.fixture(scope="module")
def shipped() -> Model:
    return load_model(device="cpu")


def test_real_windows_score_at_their_centre_as_in_evaluation(shipped, benchmark_data):
    windows = load_benchmark(benchmark_data, "valid").take(slice(0, None, 300))
    assert len(windows) >= 20
    assert windows.length == 1001
    expected = shipped.score(shipped.logits(windows.tokens))
    found = predict(
        {str(i): decode(tokens) for i, tokens in enumerate(windows.tokens)},
        model=shipped,
        all_sites=True,
    ).sites
    central = found[found["position"] == centre(1001) + 1]
    assert set(central["sequence"]) == {str(i) for i in range(len(windows))}
    symbols = [m.symbol for m in shipped.modifications]
    for site in central.itertuples():
        score = expected[int(site.sequence), symbols.index(site.modification)]
        assert site.score == pytest.approx(score, abs=1e-5)


def test_random_sequence_scores_as_its_windows(shipped):
    text = letters(700, seed=3)
    found = predict({"a": text}, model=shipped, all_sites=True).sites.iloc[::40]
    half = centre(shipped.length)
    padded = "N" * half + text + "N" * half
    windows = np.stack([encode(padded[p - 1 : p + 2 * half]) for p in found["position"]])
    score = shipped.score(shipped.logits(windows))
    kind = [[m.symbol for m in shipped.modifications].index(x) for x in found["modification"]]
    np.testing.assert_allclose(found["score"], score[np.arange(len(found)), kind], atol=1e-5)


def test_it_knows_eleven_types_and_was_measured(shipped):
    assert len(shipped.modifications) == 11
    assert len(shipped.off_site) == len(shipped.shuffled) == 11
    assert shipped.scan_calibration.measured.all()
    assert len(shipped.tiers) == 99
    assert shipped.calibration.fitted_on
    assert shipped.scan_calibration.fitted_on


def test_the_default_tier_keeps_what_it_states(shipped):
    """Of calls of types that are called often, about one in ten is right, or more."""
    called = [
        m for m in shipped.tiers if (m.tier, m.window) == ("medium", "whole") and m.recall > 0.1
    ]
    assert called
    for meaning in called:
        assert meaning.precision_unmodified >= 0.1 / FACTOR
        assert meaning.precision_mixture >= 0.05


def test_the_kept_reliability_is_of_this_model(shipped):
    kept = read_results(RESULTS)
    assert kept["model"] == shipped.hash
    rows = pd.DataFrame(kept["rows"])
    assert set(rows["modification"]) == {m.symbol for m in shipped.modifications}
    rows = rows[rows["effective"] >= ENOUGH]
    shares = zip(rows["stated"], rows["mixture"], rows["unmodified"], strict=True)
    assert rows["holds"].tolist() == [holds(*row) for row in shares]
    assert rows["holds"].mean() >= 0.9


def test_a_type_that_cannot_be_located_states_no_more_than_it_keeps(shipped):
    rows = pd.DataFrame(read_results(RESULTS)["rows"])
    rows = rows[(rows["modification"] == "m1A") & (rows["effective"] >= ENOUGH)]
    assert len(rows)
    assert (rows["stated"] <= FACTOR * rows[["mixture", "unmodified"]].max(axis=1)).all()
