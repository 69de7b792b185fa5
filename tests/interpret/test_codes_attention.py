"""Attention maps and code occlusion of windows."""

import numpy as np
import pandas as pd
import pytest
import torch

from tiny import fresh, planted, tiny, tiny_paper
from vqrna.errors import UsageError
from vqrna.interpret.attention import attention_maps, token_effects, write_attention
from vqrna.interpret.attributions import model_for
from vqrna.interpret.codes import logits_from_codes
from vqrna.interpret.knockout import Substitutes, occlusion
from vqrna.interpret.site_selection import labelled_sites
from vqrna.model import ModelSet
from vqrna.modifications import modification
from vqrna.runtime.run_record import read_run_record
from vqrna.sequence import one_hot

AM = modification("Am")


@pytest.fixture(scope="module")
def paper():
    return fresh(tiny_paper(), ("Am",))


@pytest.fixture(scope="module")
def sites():
    return labelled_sites(planted(n=40))


def test_maps_are_the_networks_own(paper, sites):
    found = attention_maps(paper, sites.tokens)
    with torch.inference_mode():
        weights = paper.network(one_hot(torch.from_numpy(sites.tokens))).attention.numpy()
    assert found.mean == pytest.approx(weights.mean(axis=0), abs=1e-6)
    assert found.mean.sum(axis=-1) == pytest.approx(1)
    assert found.site == pytest.approx(weights[:, :, :, paper.network.site_token], abs=1e-6)


def test_our_network_has_none():
    with pytest.raises(UsageError, match="no attention"):
        attention_maps(fresh(), planted(n=4).tokens)


def test_occlusion_falls_most_where_the_logit_hangs_on_the_code(sites):
    model = fresh(tiny(), ("Am", "Cm"))
    found = token_effects(model, sites.tokens[:6], AM, draws=3)
    assert found.effects.shape == found.codes.shape
    assert found.logits == pytest.approx(logits_from_codes(model, found.codes)[:, 0], abs=1e-5)
    again = token_effects(model, sites.tokens[:6], AM, draws=3)
    assert np.array_equal(found.effects, again.effects)
    # The mean over all substitutes, weighed by usage, is what the draws approach
    usage = np.bincount(found.codes.ravel(), minlength=16) / found.codes.size
    window, token = 2, 5
    columns, draws = np.zeros(1, dtype=int), Substitutes(usage)
    many = occlusion(model, found.codes[window : window + 1], columns, draws, draws=300)[0]
    own = found.codes[window, token]
    share = np.where(np.arange(16) == own, 0, usage)
    changed = np.repeat(found.codes[window : window + 1], 16, axis=0)
    changed[:, token] = np.arange(16)
    lost = found.logits[window] - logits_from_codes(model, changed)[:, 0]
    exact = (lost * share).sum() / share.sum()
    assert many[token] == pytest.approx(exact, abs=4 * lost.std() / 300**0.5 + 1e-6)


def test_substitutes_are_the_same_for_the_same_seed():
    usage = np.full(8, 1 / 8)
    codes = np.zeros(50, dtype=int)
    assert np.array_equal(Substitutes(usage, 1).draw(codes), Substitutes(usage, 1).draw(codes))


def test_the_model_of_a_type(paper):
    other = fresh(tiny_paper(), ("Cm",), seed=1)
    assert model_for(ModelSet((paper, other)), modification("Cm")) is other
    assert model_for(paper, AM) is paper
    with pytest.raises(UsageError, match="unknown modification 'Psi'"):
        model_for(paper, modification("Psi"))


def test_files(paper, sites, tmp_path):
    few = sites.take(np.arange(3))
    effects = token_effects(paper, few.tokens, AM, draws=1)
    maps = attention_maps(paper, few.tokens)
    written = write_attention(few, AM, effects, maps, tmp_path, model_hash="beef")
    assert {p.name for p in written} == {
        f"{name}.{kind}"
        for name in ("occlusion", "attention")
        for kind in ("tsv", "npz", "png", "svg")
    } | {"run.json"}
    assert read_run_record(tmp_path)["settings"]["modification"] == "Am"
    table = pd.read_csv(tmp_path / "attention.tsv", sep="\t")
    width = maps.site.shape[-1]
    assert len(table) == 3 * width
    assert table[:width].layer_6.to_numpy() == pytest.approx(maps.site[0, 5].mean(axis=0), rel=1e-3)
    assert table.first_nt[:width].tolist() == maps.layout.starts.tolist()
    ours = write_attention(few, AM, effects, None, tmp_path / "ours")
    assert {p.stem for p in ours} == {"occlusion", "run"}


def test_a_failed_run_replaces_nothing_and_a_new_one_leaves_nothing_old(
    paper, sites, tmp_path, monkeypatch
):
    few = sites.take(np.arange(2))
    effects = token_effects(paper, few.tokens, AM, draws=1)
    maps = attention_maps(paper, few.tokens)
    write_attention(few, AM, effects, maps, tmp_path, model_hash="one")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def failing(*_, **__):
        raise RuntimeError("no figure")

    with monkeypatch.context() as patched:
        patched.setattr("vqrna.interpret.attention.attention_figure", failing)
        with pytest.raises(RuntimeError, match="no figure"):
            write_attention(few, AM, effects, maps, tmp_path, model_hash="two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    written = write_attention(few, AM, effects, None, tmp_path, model_hash="two")
    assert set(tmp_path.iterdir()) == set(written)
