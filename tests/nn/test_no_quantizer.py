"""The network without a quantiser: latents pass, scans are slow, nothing reads codes."""

import numpy as np
import pytest
import torch

from tiny import planted, random_tokens, tiny, tiny_paper
from vqrna.errors import UsageError
from vqrna.evaluation import evaluate
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model, save_model
from vqrna.modifications import modifications
from vqrna.nn.model import build
from vqrna.nn.quantizer import NoQuantizer
from vqrna.sequence import decode, one_hot, windows_around
from vqrna.training import WindowSource, train


def test_latents_pass_in_unit_length_and_gradients_with_them():
    latents = torch.randn(2, 3, 4, requires_grad=True)
    found = NoQuantizer(normalize=True)(latents)
    assert torch.allclose(found.quantized, latents / latents.norm(dim=-1, keepdim=True))
    assert (found.codes == -1).all()
    assert (found.loss, found.perplexity) == (0, 1)
    found.quantized[0, 0, 0].backward()
    assert latents.grad is not None
    assert latents.grad[0, 0].abs().sum() > 0
    same = NoQuantizer(normalize=False)(latents).quantized
    assert torch.equal(same, latents)


@pytest.mark.parametrize("make", [tiny, tiny_paper])
def test_it_trains_is_measured_and_kept(tmp_path, make):
    source = WindowSource(planted(32), planted(32, seed=1))
    config = make(quantizer="none")
    run = train(source, tmp_path / "run", config, show_progress=False)
    found = evaluate(run.model, source.valid, resamples=0)
    assert 0 <= found.value("Am").value <= 1
    loaded = load_model(tmp_path / "run")
    assert loaded.models[0].config == config if make is tiny_paper else loaded.config == config
    tokens = source.valid.tokens[:3]
    assert np.array_equal(loaded.logits(tokens), run.model.logits(tokens))


@pytest.mark.parametrize("make", [tiny, tiny_paper])
def test_it_is_scanned_window_by_window(make):
    config = make(quantizer="none")
    kinds = modifications(["Am"])
    model = TrainedModel.fresh(build(config.model, 1), config, kinds)
    assert not model.scans_densely
    sequence = random_tokens(1, 80)[0]
    logits = model.scan(sequence)
    sites = np.flatnonzero(kinds[0].candidates(sequence))
    expected = model.logits(windows_around(sequence, sites, model.length))
    np.testing.assert_allclose(logits[sites], expected, atol=1e-6)
    assert np.isnan(np.delete(logits, sites, axis=0)).all()
    with pytest.raises(UsageError, match="without a quantiser"):
        model.network.logits_from_codes(torch.zeros(1, 3, dtype=torch.int64))


def test_predict_notes_that_it_is_slow(tmp_path, vqrna_main):
    source = WindowSource(planted(32), planted(32, seed=1))
    train(source, tmp_path / "run", tiny(quantizer="none"), show_progress=False)
    fasta = tmp_path / "a.fa"
    fasta.write_text(">a\n" + "ACGU" * 40 + "\n")
    done = vqrna_main("predict", fasta, "--model", tmp_path / "run", "--out", tmp_path / "o")
    assert done.code == 0
    assert done.err.count("scanned window by window") == 1


@pytest.mark.parametrize("command", ["spectrum", "atlas", "embed", "attention"])
def test_commands_that_read_codes_are_refused_in_one_line(tmp_path, vqrna_main, command):
    model, data = tmp_path / "m.safetensors", tmp_path / "data"
    config = tiny(quantizer="none")
    kinds = modifications(["Am"])
    save_model(TrainedModel.fresh(build(config.model, 1), config, kinds), model)
    for split in ("train", "valid"):
        windows = planted(12)
        (data / split).mkdir(parents=True)
        for label in (0, 1):
            rows = windows.tokens[windows.labels[:, 0] == label]
            records = "".join(f">{i}\n{decode(row)}\n" for i, row in enumerate(rows))
            (data / split / f"1-{label}.fasta").write_text(records)
    more = ["--modification", "Am"] if command == "attention" else []
    done = vqrna_main(command, "--data", data, "--model", model, "--out", tmp_path / "out", *more)
    assert done.code == 2
    assert "without a quantiser" in done.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_with_codes_nothing_has_changed():
    torch.manual_seed(0)
    network = build(tiny().model, 1).eval()
    columns = one_hot(torch.from_numpy(random_tokens(2, 51)))
    output = network(columns)
    assert (output.codes >= 0).all()
    assert torch.allclose(network.logits_from_codes(output.codes), output.logits)
