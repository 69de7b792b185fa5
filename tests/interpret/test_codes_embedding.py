"""Latents and features of sites, their map and their files."""

import io
import os
import sys
import types

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tiny import fresh, planted, tiny, tiny_paper
from vqrna.errors import UsageError
from vqrna.interpret import embedding
from vqrna.interpret.anndata_file import has_anndata
from vqrna.interpret.codes import token_layout
from vqrna.interpret.embedding import embed, project, write_embedding
from vqrna.interpret.site_selection import labelled_sites
from vqrna.nn.context import WindowFeatures
from vqrna.sequence import one_hot


@pytest.fixture(scope="module")
def sites():
    return labelled_sites(planted(n=24, symbols=("Am", "Cm")))


@pytest.mark.parametrize("config", [tiny(), tiny_paper()])
def test_features_are_what_the_classifier_reads(config, sites):
    model = fresh(config)
    found = embed(model, sites)
    with torch.inference_mode():
        out = model.network(one_hot(torch.from_numpy(sites.tokens)))
        read = torch.from_numpy(found.features)
        if config.model.architecture == "vqrna":
            parts = (model.network.context.site_features, model.network.context.region_features)
            site_part, region = read[..., None].split(parts, dim=1)
            again = model.network.head(WindowFeatures(site_part, region, None)).logits
        else:
            classes = model.network.head(read)
            again = classes[..., 1] - classes[..., 0]
    assert again.numpy() == pytest.approx(found.logits, abs=1e-5)
    site = token_layout(model.network).site_token
    assert found.latents == pytest.approx(out.latents[:, site].numpy())
    assert np.array_equal(found.codes, out.codes.numpy())
    assert not model.network.head._forward_pre_hooks  # nothing is left behind


def test_pca_is_that_of_the_standardised_features():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + 5
    features = np.hstack([features, np.ones((60, 1))])  # one that never changes
    drawn = project(features, "pca")
    standard = (features[:, :8] - features[:, :8].mean(axis=0)) / features[:, :8].std(axis=0)
    _, size, axes = np.linalg.svd(standard, full_matrices=False)
    wanted = standard @ axes[:2].T
    assert np.abs(drawn.xy) == pytest.approx(np.abs(wanted), abs=1e-8)
    assert drawn.axes[0] == f"PC 1 ({size[0] ** 2 / (size**2).sum():.0%})"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_map_of_few_sites(n):
    drawn = project(np.random.default_rng(0).normal(size=(n, 5)), "auto")
    assert drawn.xy.shape == (n, 2)
    assert np.isfinite(drawn.xy).all()
    assert drawn.method == "pca"


@pytest.mark.parametrize("method", ["auto", "pca"])
@pytest.mark.parametrize("noise", [0, 1e-7])
def test_sites_that_are_all_the_same_are_one_point(method, noise):
    """Rounding in another batch must not become the whole map."""
    rng = np.random.default_rng(0)
    features = np.full((12, 5), [0, 1, 2, -3, 4]) * (1 + noise * rng.normal(size=(12, 5)))
    drawn = project(features.astype(np.float32), method)
    assert drawn.single_point
    assert (drawn.xy == 0).all()
    assert not project(rng.normal(size=(12, 5)), "pca").single_point
    assert not project(features[:1], method).single_point


def test_a_feature_that_differs_by_rounding_does_not_count():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(12, 3))
    noisy = np.hstack([features, 7 * (1 + 1e-9 * rng.normal(size=(12, 1)))])
    assert project(noisy, "pca").xy == pytest.approx(project(features, "pca").xy)


def test_umap_where_it_is_installed_else_pca(monkeypatch):
    threads = torch.get_num_threads()

    class Umap:
        def __init__(self, **given):
            assert given["random_state"] == 7

        def fit_transform(self, points):
            torch.set_num_threads(threads + 1)  # as numba, under the real one, does
            return points[:, :2] + 100

    features = np.random.default_rng(0).normal(size=(30, 6))
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    monkeypatch.setattr(embedding, "has_umap", lambda: True)
    drawn = project(features, "auto", seed=7)
    assert drawn.method == "umap"
    assert torch.get_num_threads() == threads
    assert drawn.xy.mean() == pytest.approx(100)
    monkeypatch.setattr(embedding, "has_umap", lambda: False)
    assert project(features, "auto").method == "pca"
    with pytest.raises(UsageError, match=r"pip install '\.\[umap\]'"):
        project(features, "umap")
    with pytest.raises(UsageError, match="tsne"):
        project(features, "tsne")


def test_umap_itself_keeps_groups_apart(monkeypatch):
    if not embedding.has_umap():
        pytest.skip("needs umap-learn")
    import numba

    # Not compiled: for so few points that takes seconds, where compiling takes most of a minute
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    features = np.repeat(np.eye(4)[:2] * 9, 8, axis=0)
    features += np.random.default_rng(0).normal(size=features.shape)
    drawn = project(features, "umap", seed=1)
    assert drawn.method == "umap"
    xy = drawn.xy.reshape(2, 8, 2)
    away = np.linalg.norm(xy[:, :, None] - xy.mean(axis=1), axis=-1)  # (group, site, middle)
    assert (away.argmin(axis=2) == [[0], [1]]).all()


def test_files(sites, tmp_path):
    model = fresh()
    found = embed(model, sites)
    drawn = project(found.features, "pca")
    written = write_embedding(
        sites, found, drawn, model.modifications, tmp_path, model_hash="beef", source="valid"
    )
    h5ad = ["embedding.h5ad"] if has_anndata() else []
    assert [p.name for p in written] == [
        "embedding.parquet", "embedding.npz", *h5ad, "embedding.png", "embedding.svg", "run.json",
    ]  # fmt: skip
    table = pq.read_table(written[0])
    assert table.schema.metadata[b"model"] == b"beef"
    frame = table.to_pandas()
    assert frame.position.tolist() == [26] * len(sites)
    assert np.stack(frame.feature) == pytest.approx(found.features)
    assert np.stack(frame.latent) == pytest.approx(found.latents)
    assert frame.label_Am.isna().sum() == 24  # the windows of Cm
    assert frame.label_Am.sum() == 12
    assert frame.base.str.cat() == "".join("ACGU"[b] for b in sites.tokens[:, 25])
    with np.load(written[1], allow_pickle=False) as arrays:
        assert np.array_equal(arrays["codes"], found.codes)
        assert "model: beef" in arrays["facts"]
        assert arrays["position"].tolist() == frame.position.tolist()


@pytest.mark.skipif(sys.platform == "darwin", reason="file names must be UTF-8 there")
def test_a_folder_whose_name_is_not_utf_8(sites, tmp_path):
    model = fresh(tiny())
    embedded = embed(model, sites)
    folder = tmp_path / os.fsdecode(b"a\xff")
    drawn = project(embedded.features, "pca")
    write_embedding(sites, embedded, drawn, model.modifications, folder, model_hash="", source="")
    table = pq.read_table(io.BytesIO((folder / "embedding.parquet").read_bytes()))
    assert table.num_rows == len(sites)
