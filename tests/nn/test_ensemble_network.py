"""An ensemble gives the mean of its networks, window by window, densely and after edits."""

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.errors import UsageError
from vqrna.interpret.mutagenesis import LocalMutagenesis, mutate
from vqrna.nn.dense import dense_network, supports_dense
from vqrna.nn.dense.edits import Edit
from vqrna.nn.dense.ensemble import edited_sequence
from vqrna.nn.model import EnsembleNetwork, build, site_networks

LENGTH = 51


@pytest.fixture(scope="module")
def ensemble() -> EnsembleNetwork:
    members = [network(tiny(), 2, seed, torch.float64) for seed in (1, 2, 3)]
    return EnsembleNetwork(members).eval()


@torch.no_grad()
def test_logits_are_the_mean_and_codes_are_of_the_first(ensemble):
    windows = columns(random_tokens(5, LENGTH, ambiguous=0.02), torch.float64)
    each = [member(windows) for member in ensemble.networks]
    found = ensemble(windows)
    mean = torch.stack([output.logits for output in each]).mean(dim=0)
    torch.testing.assert_close(found.logits, mean)
    assert (each[0].logits - each[1].logits).abs().max() > 0.01  # the members differ
    assert found.codes.equal(each[0].codes)


@torch.no_grad()
def test_the_dense_engine_gives_the_numbers_of_windows(ensemble):
    assert supports_dense(ensemble)
    tokens = random_tokens(2, 120 + LENGTH - 1, ambiguous=0.02)
    output = dense_network(ensemble)(torch.from_numpy(tokens))
    for row, logits in zip(tokens, output.logits, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(row, LENGTH)
        torch.testing.assert_close(logits, ensemble(columns(windows, torch.float64)).logits)
    first = dense_network(ensemble.networks[0])(torch.from_numpy(tokens))
    assert output.codes.equal(first.codes)


@torch.no_grad()
def test_edits_are_evaluated_in_all_networks(ensemble):
    tokens = random_tokens(1, 200 + LENGTH - 1)[0]
    dense = dense_network(ensemble)
    sequence = edited_sequence(dense, torch.from_numpy(tokens.astype(np.int64)))
    torch.testing.assert_close(sequence.logits, dense(torch.from_numpy(tokens[None])).logits[0])
    new = np.array([0, 3, 1], dtype=np.uint8)
    found = next(iter(sequence.edit([Edit(110, 111, torch.from_numpy(new.astype(np.int64)))])))
    edited = np.concatenate([tokens[:110], new, tokens[111:]])
    wanted = dense(torch.from_numpy(edited[None])).logits[0, 110 - 50 : 113]
    torch.testing.assert_close(found, wanted)


def test_mutagenesis_is_the_mean_of_that_of_the_networks(ensemble):
    window = random_tokens(1, LENGTH)[0]
    found = next(iter(mutate(ensemble, window[None])))
    each = [LocalMutagenesis(member)(window) for member in ensemble.networks]
    np.testing.assert_allclose(found.logits, np.mean([x.logits for x in each], axis=0), atol=1e-12)
    np.testing.assert_allclose(found.reference, np.mean([x.reference for x in each], axis=0))


def test_there_is_no_single_codebook(ensemble):
    assert not ensemble.quantizer.has_codebook
    with pytest.raises(UsageError, match="an ensemble of 3 networks has 3 codebooks"):
        _ = ensemble.quantizer.codebook
    with pytest.raises(UsageError, match="3 codebooks"):
        ensemble.logits_from_codes(torch.zeros(1, 3, dtype=torch.int64))


def test_only_networks_of_this_package_form_an_ensemble():
    made = build(tiny().model, 2, members=2)
    assert len(site_networks(made)) == 2
    with pytest.raises(ValueError, match="paper"):
        build(tiny(architecture="paper").model, 2, members=2)
