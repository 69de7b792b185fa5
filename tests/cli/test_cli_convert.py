"""`vqrna convert`: a published .pth in, weights for vqrna out."""

import numpy as np
import pytest
import torch

from tiny import fresh, random_tokens, tiny_paper
from vqrna.model import ModelSet
from vqrna.model.published import write_pth
from vqrna.model.weights import load_model


@pytest.fixture
def pth(tmp_path):
    path = tmp_path / "model.pth"
    write_pth(fresh(tiny_paper(length=101), ("Am",)), path)
    return path


def test_a_published_model_becomes_ours(vqrna_main, pth, tmp_path):
    out = tmp_path / "model.safetensors"
    done = vqrna_main("convert", pth, "--modification", "Am", "--out", out, "--length", 101)
    assert (done.code, done.err) == (0, "")
    model = load_model(out, "cpu")
    assert done.out == f"wrote {out}: Am, 101 nt, model {model.hash}\n"
    windows = random_tokens(4, 101)
    np.testing.assert_array_equal(
        model.logits(windows), fresh(tiny_paper(length=101), ("Am",)).logits(windows)
    )
    assert not model.scan_calibration.measured.any()


def test_several_files_become_one_set(vqrna_main, pth, tmp_path):
    for symbol in ("Am", "Psi"):
        out = tmp_path / "set" / symbol / "model.safetensors"
        done = vqrna_main("convert", pth, "--modification", symbol, "--out", out, "--length", 101)
        assert done.code == 0, done.err
    model = load_model(tmp_path / "set", "cpu")
    assert isinstance(model, ModelSet)
    assert [m.symbol for m in model.modifications] == ["Am", "Psi"]


def test_the_types_of_a_joint_model_are_named_in_the_order_of_its_heads(vqrna_main, tmp_path):
    model = fresh(tiny_paper(), ("Am", "Cm"))
    write_pth(model, tmp_path / "joint.pth")
    out = tmp_path / "a.safetensors"
    done = vqrna_main(
        "convert", tmp_path / "joint.pth", "--modification", "Psi,Am", "--out", out, "--length", 51
    )
    assert done.code == 0, done.err
    loaded = load_model(out, "cpu")
    assert [m.symbol for m in loaded.modifications] == ["Psi", "Am"]
    windows = random_tokens(4, 51)
    np.testing.assert_array_equal(loaded.logits(windows), model.logits(windows))


def test_the_order_of_bases_matters(vqrna_main, pth, tmp_path):
    logits = []
    for order in ("ATCG", "ACGU"):
        out = tmp_path / f"{order}.safetensors"
        done = vqrna_main(
            "convert", pth, "--modification", "Am", "--out", out, "--length", 101,
            "--base-order", order,
        )  # fmt: skip
        assert done.code == 0, done.err
        logits.append(load_model(out, "cpu").logits(random_tokens(4, 101)))
    assert not np.allclose(*logits)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--modification", "m9Z"], 2, "unknown modification 'm9Z'"),
        (["--modification", ","], 2, "--modification must name each"),
        (["--modification", "Am,Am"], 2, "of the weights once"),
        (["--modification", "Am,Cm"], 1, "does not fit the published network"),
        (["--modification", "Am", "--length", "500"], 2, "length must be odd"),
        (["--modification", "Am", "--length", "601"], 2, "length must be one of"),
        (["--modification", "Am", "--length", "501"], 1, "does not fit the published network"),
        (["--modification", "Am", "--base-order", "ACG"], 2, "not an order of the four bases"),
        ([], 2, "Missing option '--modification'"),
    ],
)
def test_a_wrong_call_is_one_line(vqrna_main, pth, tmp_path, arguments, code, words):
    out = tmp_path / "model.safetensors"
    if "--length" not in arguments:
        arguments = [*arguments, "--length", "101"]
    done = vqrna_main("convert", pth, "--out", out, *arguments)
    assert done.code == code
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize("name", ["model.pth", "link.pth", "sub/../model.pth"])
def test_the_file_itself_is_not_overwritten(vqrna_main, pth, tmp_path, name):
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.pth").symlink_to(pth)
    before = pth.read_bytes()
    done = vqrna_main(
        "convert", pth, "--modification", "Am", "--out", tmp_path / name, "--length", 101
    )
    assert done.code == 2
    assert "the output would replace the input" in done.err
    assert len(done.err.splitlines()) == 1
    assert pth.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.pth", "no such file"),
        ("folder", "is a directory, not a file"),
        ("empty.pth", "is not a complete pickle of plain tensors"),
        ("text.pth", "is not a complete pickle of plain tensors"),
        ("other.pth", "not in the published layout: unknown tensor 'fc.weight'"),
    ],
)
def test_a_file_that_is_none_is_one_line(vqrna_main, tmp_path, name, words):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.pth").write_text(">fasta\nACGU\n")
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    out = tmp_path / "model.safetensors"
    done = vqrna_main("convert", tmp_path / name, "--modification", "Am", "--out", out)
    assert done.code == 1
    assert done.err.startswith(f"vqrna: error: {tmp_path / name}: {words}")
    assert len(done.err.splitlines()) == 1
    assert not out.exists()
