"""Sequence like a sequencing adapter after a site."""

import numpy as np
import pytest

from seeded import letters
from tiny import fresh
from vqrna.prediction import predict
from vqrna.prediction.adapter import ADAPTER, adapter_after
from vqrna.sequence import encode


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (ADAPTER, True),
        ("CCCC" + ADAPTER[4:], True),
        ("CCCCC" + ADAPTER[5:].replace("C", "U", 1), False),
        (ADAPTER[:9], True),
        (ADAPTER[:8], False),
        ("A" + ADAPTER, False),
    ],
    ids=["whole", "nine", "seven", "nine at the end", "eight at the end", "shifted"],
)
def test_nine_of_thirteen_letters_directly_after_the_site(after, expected):
    tokens = encode("GGGG" + after)
    assert adapter_after(tokens, np.array([3])).tolist() == [expected]
    assert not adapter_after(tokens, np.array([0])).any()


@pytest.mark.parametrize("adapter_at", [300, 688])
def test_only_2_o_methylation_gets_the_warning(adapter_at):
    text = letters(700, seed=1)
    text = text[:adapter_at] + "A" + ADAPTER + text[adapter_at + 1 + len(ADAPTER) :]
    model = fresh(symbols=("Am", "m6A"))
    sites = predict({"x": text[:700]}, model=model, all_sites=True).sites
    flagged = sites[sites["warnings"].str.contains("adapter")]
    at = (flagged["position"] == adapter_at + 1) & (flagged["modification"] == "Am")
    assert at.sum() == 1
    assert set(flagged["modification"]) == {"Am"}
    assert len(flagged) < 5
