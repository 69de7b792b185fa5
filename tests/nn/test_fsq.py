"""Finite scalar quantisation: by hand, and a network with it from training to spectrum."""

import pytest
import torch

from tiny import planted, tiny
from vqrna.evaluation import evaluate
from vqrna.interpret.spectrum import spectrum
from vqrna.model.weights import load_model
from vqrna.nn.quantizer import FiniteScalarQuantizer
from vqrna.training import WindowSource, train


@pytest.mark.parametrize(
    ("size", "levels"),
    [(512, [8, 8, 8]), (16, [4, 2, 2]), (2, [2, 1, 1]), (1000, [10, 10, 10]), (11, [2, 2, 2])],
)
def test_the_grid_has_as_many_points_as_fit(size, levels):
    quantizer = FiniteScalarQuantizer(size, 4)
    assert sorted(quantizer.levels.tolist(), reverse=True) == levels
    assert quantizer.codebook.shape == (quantizer.codebook_size, 4)
    assert quantizer.codebook.isfinite().all()


def test_rounding_by_hand():
    """With D = 3 and identity maps, each number has the levels -1, 0, 1."""
    quantizer = FiniteScalarQuantizer(27, 3)
    for layer in (quantizer.project, quantizer.expand):
        layer.weight.data, layer.bias.data = torch.eye(3), torch.zeros(3)
    latents = torch.tensor([[[0.4, -2.0, 5.0], [2.0, 0.6, 0.1]]])  # tanh: .38 -.96 1; .96 .54 .1
    output = quantizer(latents)
    assert output.codes.tolist() == [[9 + 0 + 2, 18 + 6 + 1]]
    torch.testing.assert_close(output.quantized, torch.tensor([[[0.0, -1, 1], [1, 1, 0]]]))
    assert quantizer.assign(latents).equal(output.codes)
    torch.testing.assert_close(quantizer.lookup(output.codes), output.quantized)
    assert output.loss == 0


def test_every_code_is_its_own_grid_point_and_gradients_pass():
    quantizer = FiniteScalarQuantizer(60, 8)
    codes = torch.arange(quantizer.codebook_size)
    assert len(torch.unique(quantizer.codebook.detach(), dim=0)) == len(codes)
    latents = torch.randn(2, 5, 8, requires_grad=True)
    quantizer(latents).quantized.sum().backward()
    assert (latents.grad.abs().sum(-1) > 0).all()


def test_a_network_trains_is_kept_is_scanned_and_has_codes(tmp_path, vqrna_main):
    source = WindowSource(planted(64), planted(64, seed=1))
    run = train(source, tmp_path / "run", tiny(quantizer="fsq"), show_progress=False)
    assert 0 <= evaluate(run.model, source.valid, resamples=0).value("Am").value <= 1
    loaded = load_model(tmp_path / "run")
    assert isinstance(loaded.network.quantizer, FiniteScalarQuantizer)
    assert not loaded.scans_densely
    assert len(loaded.off_site) == 1
    fasta = tmp_path / "a.fa"
    fasta.write_text(">a\n" + "GGACU" * 30 + "\n")
    done = vqrna_main(
        "predict", fasta, "--model", tmp_path / "run", "--out", tmp_path / "out", "--all-sites"
    )
    assert done.code == 0
    assert (tmp_path / "out" / "sites.tsv").read_text().count("\tAm\t") == 30
    table = spectrum(loaded, source.valid, permutations=10).table()
    assert set(table["code"]) <= set(range(16))
