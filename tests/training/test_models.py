"""One network for all types, or one per type: what lies where, and that it loads as one."""

import numpy as np
import pytest

from tiny import planted, random_tokens, tiny, tiny_paper
from vqrna.errors import UsageError
from vqrna.model import ModelSet, TrainedModel
from vqrna.model.published import read_pth
from vqrna.model.weights import load_model
from vqrna.training import WindowSource, train

KINDS = ("Am", "Cm")


@pytest.fixture(scope="module")
def source():
    return WindowSource(planted(24, symbols=KINDS), planted(16, seed=1, symbols=KINDS))


def test_ours_is_joint(tmp_path, no_curves, source):
    run = train(source, tmp_path, tiny(epochs=1), device="cpu", show_progress=False)
    assert isinstance(run.model, TrainedModel)
    assert list(run.results) == ["joint"]
    assert not list(tmp_path.glob("*.pth"))
    assert load_model(tmp_path, "cpu").hash == run.model.hash


def test_the_paper_has_a_network_a_type_and_the_published_weights(tmp_path, no_curves, source):
    run = train(source, tmp_path, tiny_paper(), device="cpu", show_progress=False)
    assert isinstance(run.model, ModelSet)
    assert list(run.results) == list(KINDS)
    assert sorted(p.name for p in tmp_path.iterdir()) == [*KINDS, "run.json"]
    tokens = random_tokens(3, 51)
    for m, kind in enumerate(run.model.modifications):
        folder = tmp_path / kind.symbol
        assert (folder / "train.log").read_text().count("Valid Performance") == 1
        imported = read_pth(folder / "model.pth", (kind,), length=51)
        np.testing.assert_allclose(
            imported.logits(tokens)[:, 0], run.model.logits(tokens)[:, m], atol=1e-6
        )
        counts = run.model.training[kind.symbol]["windows"]
        assert counts == {"train": 24, "valid": 16}  # those of this type alone


def test_the_paper_can_be_joint(tmp_path, no_curves, source):
    run = train(source, tmp_path, tiny_paper(), joint=True, device="cpu", show_progress=False)
    assert isinstance(run.model, TrainedModel)
    assert run.model.logits(random_tokens(3, 51)).shape == (3, 2)
    assert (tmp_path / "model.pth").exists()


def test_ours_can_be_one_each(tmp_path, no_curves, source):
    run = train(source, tmp_path, tiny(epochs=1), joint=False, device="cpu", show_progress=False)
    assert isinstance(run.model, ModelSet)
    assert run.model.logits(random_tokens(3, 51)).shape == (3, 2)
    again = train(
        source,
        tmp_path,
        tiny(epochs=1),
        joint=False,
        resume=True,
        device="cpu",
        show_progress=False,
    )
    assert again.model.hash == run.model.hash


@pytest.mark.parametrize("joint", [True, False], ids=["joint first", "one each first"])
@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_holds_runs_of_one_kind(tmp_path, no_curves, source, joint, resume):
    """Of two kinds side by side everybody would load the older one."""
    settings = {"device": "cpu", "show_progress": False}
    first = train(source, tmp_path, tiny(epochs=1), joint=joint, **settings)
    told = "one network for all modifications" if joint else "a network for each modification .Am."
    with pytest.raises(UsageError, match=rf"holds a training run of {told}: choose another --out"):
        train(source, tmp_path, tiny(epochs=1), joint=not joint, resume=resume, **settings)
    assert load_model(tmp_path, "cpu").hash == first.model.hash
