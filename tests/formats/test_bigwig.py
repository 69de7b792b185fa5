"""BigWig files, as two independent libraries read them."""

from itertools import pairwise

import numpy as np
import pybigtools
import pyBigWig
import pytest
from example_sites import make_sites

from vqrna.formats import bigwig, tracks


def scores(count: int, gap: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.integers(1, 2 * gap, count)), rng.random(count).round(6)


def one(name: str, count: int, gap: int = 5, seed: int = 0):
    position, score = scores(count, gap, seed)
    return make_sites(name, position, score=score)


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 5000])
def test_every_value_is_read_back(written, count):
    sites = one("chr1", count)
    (path,) = written("bigwig", [sites], {"chr0": 9, "chr1": 1 << 20}).paths
    want = list(zip(sites.position, sites.position + 1, np.float32(sites.score), strict=True))
    with pyBigWig.open(str(path)) as file:
        assert file.chroms() == {"chr0": 9, "chr1": 1 << 20}
        assert file.intervals("chr0") is None  # scanned, without a site
        assert list(file.intervals("chr1")) == want
    reader = pybigtools.open(str(path))
    assert list(reader.records("chr1")) == want
    assert reader.chroms() == {"chr0": 9, "chr1": 1 << 20}


def test_what_all_values_add_up_to_is_told(written):
    sites = one("chr1", 5000)
    (path,) = written("bigwig", [sites]).paths
    told = pybigtools.open(str(path)).info()["summary"]
    assert told["basesCovered"] == 5000
    assert told["sum"] == pytest.approx(sites.score.sum(), rel=1e-6)
    assert told["mean"] == pytest.approx(sites.score.mean(), rel=1e-6)
    assert told["std"] == pytest.approx(sites.score.std(ddof=1), rel=1e-4)
    assert (told["min"], told["max"]) == pytest.approx((sites.score.min(), sites.score.max()))


def test_zoom_levels_hold_sums_over_stretches(written):
    sites = one("chr1", 20_000, gap=50)
    length = int(sites.position[-1]) + 1
    (path,) = written("bigwig", [sites], {"chr1": length}).paths
    reader = pybigtools.open(str(path))
    levels = reader.zooms()
    assert len(levels) >= 3
    assert all(b == 4 * a for a, b in pairwise(levels))
    score = np.float32(sites.score).astype(float)
    for level in levels:
        seen, last = 0, -1
        for start, end, told in reader.zoom_records(level, "chr1"):
            assert start >= last
            inside = slice(*np.searchsorted(sites.position, [start, end]))
            assert end - start <= level
            assert told["bases_covered"] == inside.stop - inside.start
            assert told["sum"] == pytest.approx(score[inside].sum(), rel=1e-5)
            assert told["sum_squares"] == pytest.approx((score[inside] ** 2).sum(), rel=1e-5)
            assert told["min_val"] == pytest.approx(score[inside].min())
            assert told["max_val"] == pytest.approx(score[inside].max())
            seen, last = seen + told["bases_covered"], end
        assert seen == len(sites)


@pytest.mark.parametrize("bins", [1, 7])
def test_libraries_sum_up_as_over_the_values(written, bins):
    blocks = [one(name, 20_000, gap=50, seed=seed) for seed, name in enumerate("ab")]
    length = 1 << 21
    (path,) = written("bigwig", blocks, {"a": length, "b": length}).paths
    position, score = blocks[1].position, np.float32(blocks[1].score)
    edges = np.linspace(0, length, bins + 1).astype(int)
    parts = [slice(*np.searchsorted(position, edges[i : i + 2])) for i in range(bins)]
    with pyBigWig.open(str(path)) as file:
        for kind, told in (("max", np.max), ("mean", np.mean)):
            for exact in (True, False):
                found = file.stats("b", 0, length, type=kind, nBins=bins, exact=exact)
                want = [told(score[part]) if part.stop > part.start else None for part in parts]
                for a, b in zip(found, want, strict=True):
                    assert (a is None) == (b is None)
                    assert a is None or a == pytest.approx(b, rel=1e-5 if exact else 0.02)


@pytest.mark.parametrize("count", [300, 2000])
def test_many_sequences(written, monkeypatch, count):
    monkeypatch.setattr(bigwig, "FAN", 5)  # trees of many levels
    rng = np.random.default_rng(0)
    order = [f"tx{i}" for i in rng.permutation(count)]  # neither sorted nor of one length
    sizes = rng.integers(1, 6, count)
    position = np.concatenate([np.sort(rng.choice(99, n, replace=False)) for n in sizes])
    score = rng.random(len(position)).round(6)
    sites = make_sites(np.repeat(order, sizes), position, score=score)
    silent = {f"none{i}": 50 for i in range(7)}
    (path,) = written("bigwig", [sites], silent | dict.fromkeys(order, 99)).paths
    reader = pybigtools.open(str(path))
    at = 0
    with pyBigWig.open(str(path)) as file:
        assert file.chroms() == silent | dict.fromkeys(order, 99) == reader.chroms()
        for name, size in zip(order, sizes.tolist(), strict=True):
            part = slice(at, at + size)
            want = zip(position[part], position[part] + 1, np.float32(score[part]), strict=True)
            want = list(want)
            assert list(file.intervals(name)) == want
            assert list(reader.records(name)) == want
            at += size


def test_a_giant_sequence_has_no_zoom_beyond_32_bits(written):
    length = 4_100_000_000
    sites = make_sites("a", [0, 1, 2_000_000_000])
    (path,) = written("bigwig", [sites], {"a": length}).paths
    with pyBigWig.open(str(path)) as file:
        assert file.chroms() == {"a": length}
        assert [start for start, *_ in file.intervals("a")] == sites.position.tolist()


def test_zoom_blocks_that_span_sequences_are_read(written, monkeypatch):
    monkeypatch.setattr(bigwig, "ITEMS", 7)
    blocks = [one(f"c{i:02d}", 400, gap=2, seed=i) for i in range(20)]
    (path,) = written("bigwig", blocks).paths
    with pyBigWig.open(str(path)) as file:
        assert file.header()["nLevels"] >= 2
        for sites in blocks:
            name = sites.sequence[0]
            end = int(sites.position[-1]) + 1
            assert len(file.intervals(name)) == 400
            assert file.stats(name, 0, end)[0] == pytest.approx(sites.score.mean(), rel=1e-4)


def test_values_are_read_in_pieces(written, monkeypatch, tmp_path):
    blocks = [one("a", 3000), one("b", 10)]
    whole = written("bigwig", blocks).paths[0]
    monkeypatch.setattr(tracks, "BATCH", 100)
    pieces = written("bigwig", blocks, folder=tmp_path / "pieces").paths[0]
    for name in "ab":
        with pyBigWig.open(str(whole)) as file, pyBigWig.open(str(pieces)) as other:
            assert file.intervals(name) == other.intervals(name)
            assert file.stats(name) == pytest.approx(other.stats(name))


@pytest.mark.parametrize("name", ["chr 1", "Ψ,é", "x" * 300, "#a"])
def test_odd_names(written, name):
    from vqrna.formats.text import bed_name

    (path,) = written("bigwig", [make_sites([name, "z"], [1, 2])]).paths
    with pyBigWig.open(str(path)) as file:
        assert set(file.chroms()) == {bed_name(name), "z"}
        assert file.intervals(bed_name(name)) == ((1, 2, 0.5),)


def test_the_end_of_the_longest_sequence_there_can_be(written):
    length = (1 << 32) - 1
    (path,) = written("bigwig", [make_sites("a", [0, length - 1])], {"a": length}).paths
    assert list(pybigtools.open(str(path)).records("a"))[1][:2] == (length - 1, length)
