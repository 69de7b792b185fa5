"""The commands `vqrna embed` and `vqrna attention` on tiny models."""

import numpy as np
import pytest

from seeded import letters, write_fasta
from tiny import fresh, tiny_paper
from vqrna.interpret.anndata_file import has_anndata
from vqrna.model.weights import save_model

PICTURED = {"npz", "png", "svg"}


@pytest.fixture
def paper(tmp_path):
    path = tmp_path / "paper.safetensors"
    save_model(fresh(tiny_paper(), ("m6A",)), path)
    return path


def names(folder):
    return {path.name for path in folder.iterdir()} - {"run.json"}


def test_embedding_of_called_sites(vqrna_main, fasta, model, tmp_path):
    done = vqrna_main("embed", fasta, "--out", tmp_path / "e", "--model", model, "--method", "pca")
    assert done.code == 0, done.err
    kinds = {*PICTURED, "parquet"} | ({"h5ad"} if has_anndata() else set())
    assert names(tmp_path / "e") == {f"embedding.{kind}" for kind in kinds}
    assert "called sites" in done.out


def test_embedding_of_windows_that_are_all_the_same(vqrna_main, model, tmp_path):
    fasta = write_fasta(tmp_path / "w.fa", {f"w{i}": letters(101, seed=1) for i in range(12)})
    out = tmp_path / "e"
    done = vqrna_main("embed", fasta, "--windows", "--out", out, "--model", model)
    assert done.code == 0
    assert "note: all sites have the same features: all points of the map are at (0, 0)" in done.err
    assert "warning" not in done.err
    assert (np.load(out / "embedding.npz")["xy"] == 0).all()


def test_embedding_of_labelled_windows_without_umap(vqrna_main, data, model, tmp_path, monkeypatch):
    monkeypatch.setattr("vqrna.interpret.embedding.has_umap", lambda: False)
    done = vqrna_main("embed", "--data", data, "--out", tmp_path / "e", "--model", model)
    assert done.code == 0, done.err
    assert "using PCA" in done.err
    assert "24 sites" in done.out


def test_attention_of_the_published_network(vqrna_main, data, paper, tmp_path):
    done = vqrna_main(
        "attention", "--data", data, "-m", "m6A", "--out", tmp_path / "a", "--model", paper,
        "--most", 3,
    )  # fmt: skip
    assert done.code == 0, done.err
    kinds = {*PICTURED, "tsv"}
    assert names(tmp_path / "a") == {f"{n}.{k}" for n in ("occlusion", "attention") for k in kinds}
    assert "3 m6A sites" in done.out


def test_what_stands_for_attention_in_ours(vqrna_main, fasta, model, tmp_path):
    done = vqrna_main(
        "attention", fasta, "-m", "Psi", "--out", tmp_path / "a", "--model", model, "--most", 2
    )
    assert done.code == 0, done.err
    assert names(tmp_path / "a") == {f"occlusion.{kind}" for kind in {*PICTURED, "tsv"}}
    assert "attention" not in done.err  # it reads like a fault
    assert done.out.endswith("\nattention maps: only for models of the paper preset\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("embed", "--out", "OUT"), 2, "either a FASTA file or --data"),
        (("embed", "FASTA", "--out", "OUT", "--method", "tsne"), 2, "tsne"),
        (("embed", "FASTA", "--out", "OUT", "--palette", "x"), 2, "'x'"),
        (("embed", "FASTA", "--windows", "--out", "OUT"), 1, "odd length"),
        (("embed", "FASTA", "--split", "train", "--out", "OUT"), 2, "--split needs --data"),
        (("attention", "FASTA", "--out", "OUT", "-m", "m5C"), 2, "m5C"),
        (("attention", "FASTA", "--out", "OUT", "-m", "Am", "--confidence", "x"), 2, "'x'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(fails, fasta, model, out, words, code, told):
    places = {"FASTA": fasta, "OUT": out}
    fails(code, *(places.get(w, w) for w in words), "--model", model, told=told)


def test_what_was_done_to_odd_windows_is_told(vqrna_main, model, tmp_path):
    fasta = tmp_path / "w.fa"
    fasta.write_text(">a\nGGACU\n>b\n>c\n" + "ACGUA" * 301 + "\n")
    done = vqrna_main(
        "embed", fasta, "--windows", "--method", "pca", "--out", tmp_path / "o", "--model", model
    )
    assert done.code == 0, done.err
    assert "1 window without letters: left out" in done.err
    assert "1 window shorter than" in done.err
    assert "1 window longer than" in done.err
