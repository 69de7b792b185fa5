"""Embedded sites as AnnData, read back by anndata itself."""

import sys

import numpy as np
import pytest

from tiny import fresh, planted
from vqrna.interpret import embedding
from vqrna.interpret.embedding import embed, project, write_embedding
from vqrna.interpret.site_selection import labelled_sites


@pytest.fixture(scope="module")
def sites():
    return labelled_sites(planted(n=8, symbols=("Am", "Cm")))


def write(sites, folder):
    model = fresh()
    embedded = embed(model, sites)
    projection = project(embedded.features, "pca")
    write_embedding(
        sites, embedded, projection, model.modifications, folder, model_hash="beef", source="valid"
    )
    return model, embedded, projection


def test_all_arrays_are_read_back(sites, tmp_path):
    anndata = pytest.importorskip("anndata")
    model, embedded, projection = write(sites, tmp_path)
    read = anndata.read_h5ad(tmp_path / "embedding.h5ad")
    assert read.shape == embedded.features.shape
    assert np.array_equal(read.X, embedded.features)
    assert np.array_equal(read.obsm["latent"], embedded.latents)
    assert np.array_equal(read.obsm["codes"], embedded.codes)
    assert np.array_equal(read.obsm["logits"], embedded.logits)
    assert np.array_equal(read.obsm["X_pca"], projection.xy)
    assert read.obs_names.is_unique
    assert list(read.obs.sequence) == list(sites.names)
    assert set(read.obs.position) == {26}
    assert list(read.obs.base) == ["ACGU"[base] for base in sites.tokens[:, 25]]
    assert read.obs.label_Am.isna().sum() == 8  # the windows of Cm
    assert (read.obs.label_Am == "modified").sum() == 4
    assert read.uns["vqrna"]["model"] == "beef"
    assert list(read.uns["vqrna"]["logits"]) == [m.symbol for m in model.modifications]


def test_the_same_sites_give_the_same_bytes(sites, tmp_path):
    pytest.importorskip("anndata")
    files = []
    for name in "ab":
        write(sites, tmp_path / name)
        files.append((tmp_path / name / "embedding.h5ad").read_bytes())
    assert files[0] == files[1]


def test_without_anndata_the_other_files_are_written(sites, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "has_anndata", lambda: False)
    monkeypatch.setitem(sys.modules, "anndata", None)  # importing it would fail
    write(sites, tmp_path)
    assert not (tmp_path / "embedding.h5ad").exists()
    assert (tmp_path / "embedding.parquet").exists()
