"""Local mutagenesis gives the numbers of whole evaluations, and those of an independent program."""

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny, tiny_paper
from vqrna.interpret.mutagenesis import LocalMutagenesis, by_code_strings, mutate, substitutions
from vqrna.model.weights import load_model
from vqrna.nn.dense.variant_codes import TOKENS, VariantCodes, WindowCodes
from vqrna.nn.dense.variant_rows import Changes, Geometry, group_equal
from vqrna.nn.dense.weights import fold
from vqrna.sequence import AMBIGUOUS, encode

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}


@torch.no_grad()
def brute_force(net, window, chosen=None):
    """Evaluate whole mutated windows, one row a substitution."""
    dtype = next(net.parameters()).dtype
    where, bases = substitutions(window)
    if chosen is not None:
        where, bases = where[chosen], bases[chosen]
    mutants = np.repeat(window[None], len(where), axis=0)
    mutants[np.arange(len(where)), where] = bases
    parts = [net(columns(part, dtype)).logits for part in np.array_split(mutants, 8) if len(part)]
    return where, bases, torch.cat(parts).double().numpy()


def test_three_substitutions_a_column_and_four_where_a_letter_is_ambiguous():
    where, bases = substitutions(encode("ANU"))
    assert where.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert bases.tolist() == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("length", [51, 101, 203])
def test_the_same_as_whole_evaluations(length, dtype):
    net = network(tiny(length=length), types=3, seed=length, dtype=dtype)
    for window in random_tokens(2, length, seed=1, ambiguous=0.05):
        found = LocalMutagenesis(net)(window)
        where, bases, wanted = brute_force(net, window)
        assert np.abs(found.logits[bases, where] - wanted).max() < TOLERANCE[dtype]
        itself = net(columns(window[None], dtype)).logits[0].detach().double().numpy()
        assert np.abs(found.reference - itself).max() < TOLERANCE[dtype]


def test_the_observed_base_is_no_change():
    net = network(tiny(), types=2)
    window = random_tokens(1, 51)[0]
    found = next(iter(mutate(net, window[None])))
    observed = found.logits[window, np.arange(51)]
    assert (observed == found.reference).all()


def test_substitutions_matter_and_those_beyond_all_tokens_do_not():
    net = network(tiny(), types=2)
    found = LocalMutagenesis(net)(random_tokens(1, 51)[0])
    changed = (found.logits != found.reference).any(axis=(0, 2))
    codes = WindowCodes(fold(net))
    reach = 23 + 3 * (codes.tokens - 1)
    edge = (51 - reach) // 2
    assert edge > 0
    assert not changed[:edge].any()
    assert not changed[-edge:].any()
    assert changed[edge:-edge].mean() > 0.5


def test_one_object_serves_many_windows():
    net = network(tiny(), types=2)
    local = LocalMutagenesis(net)
    windows = random_tokens(3, 51)
    first = local(windows[0])
    for window in windows[1:]:
        local(window)
    again = local(windows[0])
    assert (first.logits == again.logits).all()


def test_few_substitutions_at_a_time_give_the_same(monkeypatch):
    net = network(tiny(), types=2, dtype=torch.float64)
    window = random_tokens(1, 51)[0]
    whole = LocalMutagenesis(net)(window)
    monkeypatch.setattr("vqrna.interpret.mutagenesis.AT_ONCE", 7)
    parts = LocalMutagenesis(net)(window)
    assert np.abs(whole.logits - parts.logits).max() < 1e-12


def test_codes_around_a_substitution_are_those_of_the_mutated_window():
    net = network(tiny(), types=2)
    window = random_tokens(1, 51)[0]
    codes = WindowCodes(fold(net))
    codes.set_window(torch.from_numpy(window.astype(np.int64)))
    where, bases = substitutions(window)
    found = codes.substitute(torch.from_numpy(where), torch.from_numpy(bases))
    for n in range(0, len(where), 5):
        mutant = window.copy()
        mutant[where[n]] = bases[n]
        wanted = net(columns(mutant[None])).codes[0]
        own = net(columns(window[None])).codes[0]
        first = int(found.first[n])
        for j in range(TOKENS):
            if 0 <= first + j < codes.tokens:
                assert found.codes[n, j] == wanted[first + j]
                assert found.changed[n, j] == (wanted[first + j] != own[first + j])
        beyond = [t for t in range(codes.tokens) if not first <= t < first + TOKENS]
        assert (wanted[beyond] == own[beyond]).all()


def test_rows_that_see_the_same_codes_are_worked_out_once():
    first = torch.tensor([0, 0, 1, 0, 2])
    codes = torch.tensor([[5, 6], [0, 7], [6, 9], [5, 6], [1, 1]])
    changed = torch.tensor([[0, 1], [1, 0], [1, 0], [0, 1], [0, 0]]).bool()
    # In token 1: code 6; in token 0: code 0; in token 1: code 6 again; the first again; nothing
    found = Changes(VariantCodes(first, codes, changed)).rows(Geometry(9, 0, 1, 2))
    assert found.variant.tolist() == [0, 0, 1, 2, 2, 3, 3]
    assert found.row.tolist() == [0, 1, 0, 0, 1, 0, 1]
    one, two, other, *again = found.slot.tolist()
    assert len({one, two, other}) == 3
    assert again == [one, two] * 2
    assert len(found.representative) == 3
    places = found.first[:, None] + torch.arange(found.rows.shape[1])
    kept = found.rows < 9
    assert (~kept).sum() == 7
    assert (found.rows == places.clamp(0, 8))[kept].all()


def test_one_of_each_key_is_chosen():
    each = torch.randint(-(1 << 62), 1 << 62, (500,), generator=torch.Generator().manual_seed(0))
    keys = each[torch.randint(0, 500, (3000,), generator=torch.Generator().manual_seed(1))]
    representative, index = group_equal(keys)
    assert (keys[representative][index] == keys).all()
    assert len(keys.unique()) <= len(representative) < 1.3 * len(keys.unique())
    assert len(group_equal(keys[:0])[0]) == 0


def test_the_published_network_is_evaluated_once_a_string_of_codes():
    net = network(tiny_paper(), types=1)
    window = random_tokens(1, 51)[0]
    found = next(iter(mutate(net, window[None])))
    where, bases, wanted = brute_force(net, window)
    assert np.abs(found.logits[bases, where] - wanted).max() < 1e-5
    assert np.ptp(wanted) > 1e-3


@pytest.mark.parametrize("preset", [tiny, tiny_paper])
def test_the_same_as_tangermeme(preset):
    program = pytest.importorskip("tangermeme.saturation_mutagenesis")
    net = network(preset(), types=2, dtype=torch.float64)

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = net

        def forward(self, x):
            return self.network(x).logits

    windows = random_tokens(2, 51, seed=3)
    windows[1, 20] = AMBIGUOUS
    found = program.saturation_mutagenesis(
        Logits().eval(), columns(windows, torch.float64), device="cpu", raw_outputs=True, fast=False
    )
    for n, ours in enumerate(mutate(net, windows)):
        theirs = found.y_hat[n].numpy()
        assert np.abs(ours.logits - theirs).max() < 1e-9
        assert np.abs(ours.reference - found.y0[n].numpy()).max() < 1e-9
        assert by_code_strings(net, windows[n]).logits == pytest.approx(theirs, abs=1e-9)


def test_the_shipped_network_as_whole_evaluations_tell():
    net = load_model(None, "cpu").network.eval()
    window = random_tokens(1, 501, seed=5)[0]
    found = LocalMutagenesis(net)(window)
    chosen = np.random.default_rng(0).permutation(1503)[:160]
    where, bases, wanted = brute_force(net, window, chosen)
    assert np.abs(found.logits[bases, where] - wanted).max() < 1e-5
    assert np.ptp(wanted) > 0.1
