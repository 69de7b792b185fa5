"""Decoys of a site: which positions they are, and that the site learns to outrank them."""

import dataclasses

import numpy as np
import pytest
import torch

from tiny import columns, network, planted, tiny
from vqrna.data.windows import Windows
from vqrna.modifications import modifications
from vqrna.nn.model import SiteNetwork
from vqrna.sequence import AMBIGUOUS, encode, recentre
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.losses import ranking_loss
from vqrna.training.ranking import Decoys, DrawnDecoys
from vqrna.training.schedule import make_optimizer

SETTINGS = tiny(ranking_weight=1.0, decoys=3).training
REACH = 4


def windows_of(*letters: str, symbols: tuple[str, ...] = ("Am", "m6Am"), labels) -> Windows:
    """Windows with these letters about the site, among C."""
    tokens = np.full((len(letters), 101), encode("C")[0], dtype=np.uint8)
    for row, text in enumerate(letters):
        tokens[row, 50 - len(text) // 2 : 51 + len(text) // 2] = encode(text)
    labels = np.array(labels, dtype=np.int8)
    return Windows(
        tokens=tokens,
        labels=labels,
        negative_set=np.where(labels == 0, 0, -1).astype(np.int8),
        negative_sets=("random",),
        names=tuple(f"w{i}" for i in range(len(tokens))),
        modifications=modifications(list(symbols)),
    )


def draw(windows: Windows, seed: int = 0, shown: np.ndarray | None = None) -> DrawnDecoys:
    decoys = Decoys.from_windows(windows, REACH, SETTINGS)
    tokens = windows.tokens if shown is None else shown
    generator = torch.Generator().manual_seed(seed)
    return decoys.draw(np.arange(len(windows)), torch.from_numpy(tokens), generator)


def found(drawn: DrawnDecoys, row: int) -> list[int]:
    return sorted(drawn.offsets[row, drawn.present[row]].tolist())


def test_decoys_are_candidates_at_tokens():
    # Tokens stand every third nt: of "A" at -3, 1 and 6 only two are on a token
    text = list("C" * 25)
    for at in (-12, -3, 0, 1, 6, 11):
        text[12 + at] = "A"
    windows = windows_of("".join(text), labels=[[1, -1]])
    drawn = draw(windows)
    assert found(drawn, 0) == [-4, -1, 2]
    assert drawn.modification_index.tolist() == [0]


def test_decoys_have_the_context_of_the_type():
    text = list("G" * 25)
    for at in (-7, -4, -1, 0, 2, 3, 5, 6):
        text[12 + at] = "A"
    text[12 - 4 : 12 - 2] = "CA"  # GCA at -5..-3
    text[12 + 7 : 12 + 10] = "CCA"  # at 9
    text[12 - 2 : 12 + 1] = "UCA"  # the site
    text[12 + 3] = "A"  # GAA: no candidate of m6Am
    windows = windows_of("".join(text), labels=[[-1, 1]])
    drawn = draw(windows)
    assert found(drawn, 0) == [-1, 3]
    assert drawn.modification_index.tolist() == [1]


def test_only_modified_windows_have_decoys():
    windows = windows_of("A" * 25, "A" * 25, "G" + "A" * 24, labels=[[0, -1], [-1, 0], [1, -1]])
    windows.tokens[0, :10] = 1  # no two alike
    drawn = draw(windows)
    assert drawn.present.any(dim=1).tolist() == [False, False, True]
    assert (drawn.offsets.abs() <= REACH).all()


def test_known_sites_of_any_type_are_not_decoys():
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 4, (2, 161)).astype(np.uint8)  # no A
    tokens[:, 80] = 0
    tokens[0, [80 - 6, 80 + 9]] = 0
    tokens[1, :152] = tokens[0, 9:]  # the second is centred on the first's A at 9
    labels = [[1, -1], [-1, 1]]
    windows = dataclasses.replace(windows_of("A", "A", labels=labels), tokens=tokens)
    drawn = draw(windows)
    assert found(drawn, 0) == [-2]
    alone = draw(windows.take([0]))
    assert found(alone, 0) == [-2, 3]


def test_what_is_hidden_or_substituted_is_not_a_decoy():
    text = ["C"] * 25
    for at in (-9, -3, 0, 3, 9):
        text[12 + at] = "A"
    windows = windows_of("".join(text), labels=[[1, -1]])
    assert len(found(draw(windows), 0)) == 3
    shown = windows.tokens.copy()
    shown[:, :45] = AMBIGUOUS  # hides -9
    shown[:, 53] = 2  # 3 is another base now
    assert found(draw(windows, shown=shown), 0) == [-1, 3]


def test_so_many_are_drawn_and_all_have_their_chance():
    windows = windows_of("A" * 25, labels=[[1, -1]])
    seen = [found(draw(windows, seed), 0) for seed in range(40)]
    assert {len(offsets) for offsets in seen} == {3}
    assert {o for offsets in seen for o in offsets} == {-4, -3, -2, -1, 1, 2, 3, 4}
    assert found(draw(windows, 7), 0) == found(draw(windows, 7), 0)


def test_rows_beyond_the_batch_are_no_sites():
    windows = windows_of("A" * 25, labels=[[1, -1]])
    shown = np.concatenate([windows.tokens, windows.tokens])
    drawn = draw(windows, shown=shown)
    assert drawn.present.any(dim=1).tolist() == [True, False]
    assert drawn.offsets.shape == (2, 3)


@pytest.mark.parametrize(("length", "has"), [(141, False), (143, True), (501, True)])
def test_short_windows_have_no_room(length, has):
    made = SiteNetwork(tiny(length=length).model, 1)
    windows = planted(4, length)
    assert (Decoys.from_windows(windows, made.context.reach, SETTINGS) is not None) == has


def test_nothing_is_prepared_where_nothing_is_wanted():
    assert Decoys.from_windows(planted(4, 201), 5, tiny(ranking_weight=0.0).training) is None


def test_the_loss_by_hand():
    own = torch.tensor([1.0, 0.0, -2.0])
    decoys = torch.tensor([[0.0, 2.0], [0.0, 99.0], [5.0, 5.0]])
    present = torch.tensor([[True, True], [True, False], [False, False]])
    e = np.exp
    first = -np.log(e(1) / (e(1) + e(0) + e(2)))
    second = -np.log(1 / 2)
    loss = ranking_loss(own.requires_grad_(), decoys.requires_grad_(), present)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)
    loss.backward()
    assert own.grad[2] == 0
    assert (decoys.grad[~present] == 0).all()
    assert (own.grad[:2] < 0).all()
    assert (decoys.grad[present] > 0).all()


def test_the_loss_of_nothing_is_nothing():
    own, decoys = torch.randn(2, requires_grad=True), torch.randn(2, 3)
    loss = ranking_loss(own, decoys, torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert own.grad.tolist() == [0, 0]


def motifs(n: int, seed: int) -> Windows:
    """Modified windows alone: nothing but the rank of the site can be learned from them."""
    return planted(2 * n, 201, seed).take(np.arange(1, 2 * n, 2))


def test_sites_learn_to_outrank_their_decoys():
    config = tiny(
        length=201, ranking_weight=1.0, classification_weight=0.0, learning_rate=2e-2,
        codebook_size=64, mask_rate=0.0, epochs=8,
    )  # fmt: skip
    windows = motifs(128, 0)
    made = network(config, 1)
    decoys = Decoys.from_windows(windows, made.context.reach, config.training)
    data = TrainingData(windows, config, decoys=decoys)
    optimizer = make_optimizer(made, config.training)
    told = [
        train_epoch(made, None, optimizer, data, n, lambda *_: None)["loss_ranking"]
        for n in range(8)
    ]
    # Ranked by chance among some ten, the loss is above 2
    assert told[0] > 1.5
    assert told[-1] < 0.5 * told[0]
    new = motifs(40, 1)
    reach = made.context.reach
    everywhere = torch.arange(-reach, reach + 1).expand(40, -1)
    scores = made.eval()(columns(recentre(new.tokens, 201)), everywhere).candidate_logits[:, 0]
    seen = np.arange(-reach, reach + 1) * 3 + 100
    other = torch.from_numpy(new.tokens[:, seen] == 0)
    other[:, reach] = False
    beaten = (scores[:, [reach]] > scores)[other].float().mean()
    assert beaten > 0.85
