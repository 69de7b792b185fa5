"""The context's features and the head in two parts, on windows."""

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.nn.context import ConvolutionalContext
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.nn.model import SiteNetwork
from vqrna.sequence import recentre, windows_around


def doubled(length: int, **changes: object) -> SiteNetwork:
    return network(tiny(length=length, codebook_size=64, **changes), 3, dtype=torch.float64)


def test_where_the_means_stand():
    context = ConvolutionalContext(79, 4, 4)  # 501 nt
    assert (context.fine_half, context.coarse_half, context.reach) == (77, 15, 60)
    assert context.near_spans == ((-2, 2), (-4, 4), (-8, -1), (1, 8), (-17, -1), (1, 17))
    edges = [(-77, -61), (-60, -44), (-43, -26), (-25, -9), (-8, 8)]
    mirrored = [(-high, -low) for low, high in reversed(edges[:-1])]
    assert context.region_spans == (*edges, *mirrored)
    assert context.site_features == 2 * 4 + 6 * 32
    assert context.region_features == 3 * 4 + 9 * 32


def test_short_windows_have_fewer_means():
    context = ConvolutionalContext(4, 4, 4)  # 51 nt: five tokens behind the entry
    assert context.near_spans == ((-2, 2), (-2, -1), (1, 2))
    assert context.region_spans == ((-2, -2), (-1, -1), (0, 0), (1, 1), (2, 2))
    assert context.reach == 0


@pytest.mark.parametrize("half", range(4, 165))
def test_stretches_divide_the_window_evenly(half):
    context = ConvolutionalContext(half, 1, 1, mean_channels=1)
    tokens = [t for low, high in context.region_spans for t in range(low, high + 1)]
    assert tokens == list(range(-context.fine_half, context.fine_half + 1))
    sizes = {high - low + 1 for low, high in context.region_spans}
    assert max(sizes) - min(sizes) <= 1
    assert len(context.region_spans) == min(9, len(tokens))


def by_hand(context: ConvolutionalContext, codes: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The features of one window of code vectors (T, D), token by token."""
    entry = torch.relu(context.enter_norm(context.enter(codes.T[None])))[0]
    layers = [context.blocks[0](entry[None])[0]]
    for pool, block in zip(context.pools, context.blocks[1:], strict=True):
        layers.append(block(pool(layers[-1][None]))[0])
    near, far = (
        torch.relu(norm(project(entry[None])))[0]
        for project, norm in (
            (context.near_project, context.near_norm),
            (context.stretch_project, context.stretch_norm),
        )
    )

    def at(x, low=0, high=0):
        middle = x.shape[1] // 2
        return sum(x[:, middle + t] for t in range(low, high + 1)) / (high - low + 1)

    site = [at(entry), at(layers[0]), *(at(near, *span) for span in context.near_spans)]
    whole, coarse = (x.shape[1] // 2 for x in (entry, layers[-1]))
    region = [at(entry, -whole, whole), at(layers[-1], -coarse, coarse), at(layers[-1])]
    region += [at(far, *span) for span in context.region_spans]
    return torch.cat(site), torch.cat(region)


@pytest.mark.parametrize("length", [51, 101, 201, 501])
def test_features_are_those_by_hand(length):
    made = doubled(length)
    vectors = made.encoder(columns(random_tokens(3, length), torch.float64))
    found = made.context(vectors)
    for n in range(3):
        site, region = by_hand(made.context, vectors[n])
        torch.testing.assert_close(found.site[n, :, 0], site)
        torch.testing.assert_close(found.region[n, :, 0], region)
    assert found.candidates is None
    assert found.site.shape[1] == made.context.site_features
    assert found.region.shape[1] == made.context.region_features


@pytest.mark.parametrize("length", [201, 301, 501])
def test_candidates_are_what_the_window_about_them_says(length):
    """From one pass, the same numbers as from a window moved there."""
    made = doubled(length)
    reach = made.context.reach
    long = random_tokens(2, length + 2 * reach * TOKEN_STRIDE)
    offsets = torch.tensor([[-reach, -3, 0, 2, reach], [reach, 1, -1, -reach, 7 - reach]])
    here = made(columns(recentre(long, length), torch.float64), offsets)
    features = made.context(made.quantizer.lookup(here.codes), offsets)
    assert here.candidate_logits.shape == (2, 3, 5)
    for n in range(2):
        sites = long.shape[1] // 2 + TOKEN_STRIDE * offsets[n].numpy()
        moved = made(columns(windows_around(long[n], sites, length), torch.float64))
        expected = made.context(made.quantizer.lookup(moved.codes)).site[..., 0]
        torch.testing.assert_close(features.candidates[n].T, expected)
        torch.testing.assert_close(here.candidate_logits[n].T, moved.site_logits)
    assert (here.candidate_logits.std(-1) > 1e-4).all()


def test_candidates_change_nothing_else():
    made = doubled(201)
    seen = columns(random_tokens(4, 201), torch.float64)
    plain, asked = made(seen), made(seen, torch.zeros(4, 1, dtype=torch.int64))
    assert plain.candidate_logits is None
    torch.testing.assert_close(plain.logits, asked.logits)
    torch.testing.assert_close(asked.candidate_logits[..., 0], plain.site_logits)


def test_the_parts_add_up():
    made = doubled(101)
    seen = columns(random_tokens(5, 101), torch.float64)
    output = made(seen)
    parts = made.parts_from_codes(output.codes)
    features = made.context(made.quantizer.lookup(output.codes))
    region = made.head.region(features.region)[..., 0]
    torch.testing.assert_close(parts.site + region, output.logits)
    torch.testing.assert_close(parts.site, output.site_logits)
    torch.testing.assert_close(parts.logits, output.logits)
    assert (parts.site - output.logits).abs().min() > 1e-6


def test_the_site_part_sees_what_is_near_and_no_more():
    """Codes beyond 17 tokens of the entry, which sees two more, change the region part alone."""
    made = doubled(301)
    codes = made(columns(random_tokens(1, 301), torch.float64)).codes.repeat(codes_in(301), 1)
    rows = np.arange(len(codes))
    codes[rows, rows] = (codes[rows, rows] + 1) % 64
    parts = made.parts_from_codes(codes)
    middle = len(codes) // 2
    same = parts.site == parts.site[0]  # the first differs from the window far from its site
    near = np.abs(rows - middle) <= 17 + 2
    assert same.all(dim=1).numpy()[~near].all()
    assert not same.all(dim=1).numpy()[near].any()
    assert len((parts.logits - parts.site)[:, 0].unique()) > 0.9 * len(codes)


def codes_in(length: int) -> int:
    return 2 * SiteNetwork(tiny(length=length).model, 1).encoder.codes_beside(length) + 1


def test_the_region_part_hears_nothing_of_candidates():
    made = doubled(201)
    seen = columns(random_tokens(2, 201), torch.float64)
    asked = made(seen, torch.tensor([[1], [-2]]))
    asked.candidate_logits.sum().backward()
    assert all(p.grad is None for p in made.head.region.parameters())
    assert made.context.stretch_project.weight.grad is None
    assert made.head.site.hidden.weight.grad.abs().sum() > 0
    assert made.encoder.stem.weight.grad.abs().sum() > 0
