"""The same numbers on a GPU as on the CPU; skipped without CUDA."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.golden.tables import EXACT, TOLERANCE, demo_sites

from tiny import planted, tiny
from vqrna.interpret.mutagenesis import mutate
from vqrna.model.weights import load_model
from vqrna.nn.model import build
from vqrna.prediction import predict
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.negatives import UnlabelledNegatives
from vqrna.training.schedule import make_optimizer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_the_bundled_input_has_the_same_sites():
    expected = demo_sites(load_model(device="cpu"))
    on_gpu = demo_sites(load_model(device="cuda"))
    pd.testing.assert_frame_equal(on_gpu[EXACT], expected[EXACT])
    for column, tolerance in TOLERANCE.items():
        np.testing.assert_allclose(on_gpu[column], expected[column], **tolerance)


def test_threads_on_a_gpu_change_nothing():
    model = load_model(device="cuda")
    pd.testing.assert_frame_equal(demo_sites(model, 1), demo_sites(model, 2), check_exact=True)


def test_the_device_is_chosen_by_name():
    sites = predict({"a": "GGACU" * 60}, device="cuda", all_sites=True).sites
    assert len(sites) > 100


def test_mutagenesis_is_that_of_the_cpu():
    model = load_model(device="cpu")
    tokens = np.random.default_rng(0).integers(0, 4, (1, model.length)).astype(np.uint8)
    network = model.network.eval()
    (expected,) = mutate(network, tokens)
    (on_gpu,) = mutate(network.to("cuda"), tokens)
    np.testing.assert_allclose(on_gpu.logits, expected.logits, rtol=0, atol=1e-4)


def test_training_changes_the_weights():
    config, data = tiny(), planted(n=64)
    network = build(config.model, 1).to("cuda")
    unlabelled = UnlabelledNegatives.from_windows(data, config.model.length, config.training)
    prepared = TrainingData(data, config, unlabelled)
    optimizer = make_optimizer(network, config.training)
    before = [each.detach().clone() for each in network.parameters()]
    for epoch in range(2):
        train_epoch(network, None, optimizer, prepared, epoch, lambda n, m: None)
    moved = [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert any(moved)
    assert all(torch.isfinite(each).all() for each in network.parameters())
