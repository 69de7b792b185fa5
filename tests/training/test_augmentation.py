import numpy as np
import pytest
import torch

from tiny import random_tokens
from vqrna.sequence import AMBIGUOUS
from vqrna.training.augmentation import PROTECTED, mask_flanks, substitute


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens(n: int = 400, length: int = 101) -> torch.Tensor:
    return torch.from_numpy(random_tokens(n, length, ambiguous=0.05))


def test_the_site_and_its_neighbours_are_never_substituted():
    before = tokens()
    after = substitute(before, 1.0, generator())
    near = slice(50 - PROTECTED, 50 + PROTECTED + 1)
    assert after[:, near].equal(before[:, near])
    changed = (after != before).float().mean(0)
    assert (changed[: 50 - PROTECTED] > 0.5).all()
    assert (changed[50 + PROTECTED + 1 :] > 0.5).all()


def test_ambiguity_stays_and_none_is_made():
    before = tokens()
    after = substitute(before, 1.0, generator())
    assert (after == AMBIGUOUS).equal(before == AMBIGUOUS)
    assert after.dtype == torch.uint8
    assert int(after.max()) == AMBIGUOUS


@pytest.mark.parametrize("rate", [0.04, 0.5])
def test_so_many_bases_are_drawn_anew(rate):
    before = torch.from_numpy(random_tokens(600, 101))
    changed = (substitute(before, rate, generator()) != before)[:, :40].float().mean()
    assert changed.item() == pytest.approx(0.75 * rate, rel=0.1)  # a quarter stays by chance


@pytest.mark.parametrize("shortest", [0, 25, 40])
def test_a_hidden_flank_leaves_so_many_nt_beside_the_site(shortest):
    before = torch.from_numpy(random_tokens(2000, 101))
    hidden = (mask_flanks(before, 1.0, shortest, generator()) == AMBIGUOUS).numpy()
    assert not hidden[:, 50 - shortest : 50 + shortest + 1].any()
    assert hidden[:, 49 - shortest].any()  # and no more than that
    assert hidden[:, 51 + shortest].any()
    upstream, downstream = hidden[:, 0], hidden[:, -1]
    assert (upstream | downstream).all()
    for kind in (upstream & ~downstream, downstream & ~upstream, upstream & downstream):
        assert kind.mean() == pytest.approx(1 / 3, abs=0.04)


def test_a_hidden_flank_has_no_holes():
    before = torch.from_numpy(random_tokens(300, 101))
    after = mask_flanks(before, 1.0, 25, generator())
    hidden = (after == AMBIGUOUS).numpy()
    assert (np.diff(hidden[:, :51].astype(int), axis=1) <= 0).all()
    assert (np.diff(hidden[:, 50:].astype(int), axis=1) >= 0).all()
    assert after[torch.from_numpy(~hidden)].equal(before[torch.from_numpy(~hidden)])


def test_a_share_of_the_windows_is_masked():
    before = torch.from_numpy(random_tokens(4000, 101))
    touched = (mask_flanks(before, 0.25, 25, generator()) != before).any(1).float().mean()
    assert touched.item() == pytest.approx(0.25, abs=0.03)


def test_nothing_is_done_where_nothing_is_asked_or_there_is_no_room():
    before = tokens()
    assert substitute(before, 0.0, generator()) is before
    assert mask_flanks(before, 0.0, 25, generator()) is before
    assert mask_flanks(before, 1.0, 50, generator()) is before


def test_the_generator_decides_and_the_input_stays():
    before = tokens()
    kept = before.clone()
    for change in (lambda g: substitute(before, 0.3, g), lambda g: mask_flanks(before, 0.5, 9, g)):
        assert change(generator(1)).equal(change(generator(1)))
        assert not change(generator(1)).equal(change(generator(2)))
    assert before.equal(kept)
