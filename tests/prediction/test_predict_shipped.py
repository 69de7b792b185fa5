"""The shipped model: `predict` and `evaluate` say the same of real windows."""

import numpy as np
import pytest

from seeded import letters
from vqrna.data.benchmark import load_benchmark
from vqrna.model import Model
from vqrna.model.weights import SHIPPED, load_model
from vqrna.prediction import predict
from vqrna.sequence import centre, decode, encode
from vqrna.stats.tiers import TIERS
from vqrna.training.calibrate import MOST_OFF_SITE, MOST_SHUFFLED

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
    assert np.isfinite(shipped.tiers.logits).any(axis=1).all()
    assert len(shipped.tiers.meanings) >= 33
    assert shipped.calibration.fitted_on


def test_the_default_tier_is_quiet_on_shuffled_sequence(shipped):
    default = [m for m in shipped.tiers.meanings if m.tier == "medium"]
    assert all(meaning.per_kb_shuffled <= 0.05 for meaning in default)
    for k, sketch in enumerate(shipped.shuffled):
        assert sketch.calls_per_kb(shipped.tiers.logits[k, 1]) <= 0.05


def test_its_tiers_are_those_that_training_would_set(shipped):
    """Weights and the pages that tell what tiers mean belong together."""
    for k, (off_site, shuffled) in enumerate(zip(shipped.off_site, shipped.shuffled, strict=True)):
        even = -shipped.calibration.intercept[k] / shipped.calibration.slope[k]
        for t, tier in enumerate(TIERS):
            bound = off_site.threshold(MOST_OFF_SITE[tier])
            expected = max(even, bound, shuffled.threshold(MOST_SHUFFLED[tier]))
            assert shipped.tiers.logits[k, t] == expected
