"""Searches of tiny networks on windows with a planted motif."""

import json

import pytest

from tiny import planted
from tiny_search import SEARCH, TINY
from vqrna.sequence import decode


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The benchmark layout with Am and Um."""
    folder = tmp_path_factory.mktemp("data")
    for split, n, seed in (("train", 48, 0), ("valid", 24, 1)):
        windows = planted(n, seed=seed, symbols=("Am", "Um"))
        for m, index in enumerate((1, 4)):
            for label in (0, 1):
                path = folder / split / f"{index}-{label}.fasta"
                path.parent.mkdir(exist_ok=True)
                rows = windows.tokens[windows.labels[:, m] == label]
                path.write_text("".join(f">w{i}\n{decode(r)}\n" for i, r in enumerate(rows)))
    return folder


@pytest.fixture
def search_file(tmp_path):
    """Write a search: ``search_file(text)``."""

    def write(text=SEARCH + TINY, name="search.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture
def nni_file(tmp_path):
    """Write an experiment of NNI: ``nni_file(space, more lines of config.yaml)``."""

    def write(space, lines="tuner: {name: TPE}\n"):
        (tmp_path / "space").mkdir(exist_ok=True)
        (tmp_path / "space" / "search_space.json").write_text(json.dumps(space))
        path = tmp_path / "config.yaml"
        path.write_text("searchSpacePath: space/search_space.json\n" + lines)
        return path

    return write
