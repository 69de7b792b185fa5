"""The same seed gives the same bytes, another seed others."""

import pytest

from tiny import planted, tiny, tiny_paper
from vqrna.model.weights import FILE_NAME
from vqrna.training import train_network

CONFIGS = {
    "vqrna": tiny(off_site_weight=0.3, shuffled_weight=0.2),
    "vqrna in bfloat16": tiny(precision="bfloat16"),
    "vqrna with decoys": tiny(length=151, precision="bfloat16"),
    "paper": tiny_paper(epochs=2),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_reproduces_itself_to_the_last_bit(tmp_path, no_curves, name):
    config = CONFIGS[name]
    train, valid = planted(40, 101), planted(24, 101, seed=1)
    results = [
        train_network(train, valid, tmp_path / run, config, device="cpu", show_progress=False)
        for run in ("one", "two")
    ]
    for file in (FILE_NAME, "config.toml", "train.log"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    one, two = (result.history.drop(columns="seconds") for result in results)
    assert one.equals(two)
    assert results[0].model.hash == results[1].model.hash != ""


def test_another_seed_is_another_run(tmp_path, no_curves):
    train, valid = planted(40), planted(24, seed=1)
    hashes = {
        train_network(
            train, valid, tmp_path / str(seed), tiny(seed=seed), device="cpu", show_progress=False
        ).model.hash
        for seed in (0, 1)
    }
    assert len(hashes) == 2
