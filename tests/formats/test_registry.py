"""The registry: an output format is one class and one entry."""

import pytest
from example_sites import describe, make_sites

from vqrna.cli.options import FORMATS
from vqrna.formats import WRITERS, writers
from vqrna.formats.registry import SiteWriter, register
from vqrna.formats.tracks import TrackWriter


def test_the_help_names_every_format(vqrna_main):
    assert sorted(FORMATS) == sorted(WRITERS)
    shown = " ".join(vqrna_main("predict", "--help").out.replace("│", " ").split())
    assert all(f"{name}," in shown or f"{name}." in shown for name in WRITERS)


@pytest.fixture
def empty_registry(monkeypatch):
    for name in list(WRITERS):
        monkeypatch.delitem(WRITERS, name)


@pytest.mark.usefixtures("empty_registry")
def test_a_registered_class_writes_sites_or_tracks(tmp_path):
    @register("count")
    class CountWriter(SiteWriter):
        count = 0

        def write(self, sites):
            self.count += len(sites)

        def finish(self):
            self.output.open("count").write(b"%d" % self.count)

    @register("sum")
    class SumWriter(TrackWriter):
        ENDING = "sum"
        NAME = "sum"

        def write_track(self, name, track):
            total = sum(batch["value"].sum() for batch in track.batches())
            self.output.open(name).write(b"%.2f" % total)

    with writers(("sum", "count"), tmp_path, describe({"a": 9})) as out:
        out.write(make_sites("a", [1, 2, 2], modification_index=[0, 0, 1], score=0.25))
    written = {path.name: path.read_text() for path in out.paths}
    assert written == {"count": "3", "sites.m6A.sum": "0.50", "sites.Psi.sum": "0.25"}


@pytest.mark.usefixtures("empty_registry")
def test_a_name_is_registered_once():
    register("x")(SiteWriter)
    with pytest.raises(ValueError, match="'x' is already registered"):
        register("x")(SiteWriter)
