"""The registry of engines: lookup, errors, and a new engine."""

from contextlib import nullcontext

import pytest

from seeded import files_in, letters, write_fasta
from vqrna.errors import UsageError
from vqrna.prediction import (
    ENGINES,
    FastaSource,
    engine_class,
    make_settings,
    open_engine,
    predict_files,
)
from vqrna.prediction.scoring import score_unit


@pytest.mark.parametrize("name", ENGINES)
def test_the_key_of_an_engine_is_its_name(name):
    if name == "ray":
        pytest.importorskip("ray", reason="needs the extra: pip install '.[ray]'")
    assert engine_class(name).name == name


def test_unknown_engines_and_useless_addresses_are_refused():
    with pytest.raises(UsageError, match=r"unknown engine 'dask' .*threads, ray"):
        engine_class("dask")
    with pytest.raises(UsageError, match="needs --engine ray"):
        engine_class("threads", address="auto")


class Serial:
    """The least that an engine needs."""

    name, in_order, local = "serial", True, True
    jobs, device = 1, "cpu"

    def __init__(self, model, settings):
        self.model, self.settings = model, settings

    @classmethod
    def open(cls, source, model, settings, resources):
        return nullcontext(cls(model, settings))

    def run(self, units, advance):
        for unit in units:
            yield unit.number, score_unit(self.model, unit, self.settings, advance)


def test_a_new_engine_needs_one_entry(model, tmp_path, monkeypatch):
    monkeypatch.setitem(ENGINES, "serial", lambda: Serial)
    fasta = write_fasta(tmp_path / "in.fa", {"a": letters(400), "b": letters(90, 1)})
    settings, source = make_settings(model.modifications), FastaSource((str(fasta),))
    for name in ("serial", "threads"):
        with open_engine(name, source, model, settings) as engine:
            predict_files(
                source, tmp_path / name, model, settings, engine=engine,
                command="same", show_progress=False,
            )  # fmt: skip
    assert "sites.tsv" in files_in(tmp_path / "serial")
    for name in {*files_in(tmp_path / "serial")} - {"run.json"}:
        assert (tmp_path / "serial" / name).read_bytes() == (
            tmp_path / "threads" / name
        ).read_bytes()
