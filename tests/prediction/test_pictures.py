"""Pictures of the first sequences of a prediction."""

from xml.etree import ElementTree

import pytest

from seeded import files_in, letters, write_fasta
from vqrna.data.names import NameRule
from vqrna.prediction import FastaSource, draw_first, make_settings, pictures


@pytest.fixture
def drawn(monkeypatch):
    """Draw nothing; keep what would be drawn."""
    calls = []

    def site_tracks(table, name, length, modifications, tiers, *, sequence):
        calls.append((table, name, length, [m.symbol for m in modifications], sequence))

    def save_figure(figure, path):
        path.touch()
        return path, path.with_suffix(".svg")

    monkeypatch.setattr("vqrna.plots.tracks.site_tracks", site_tracks)
    monkeypatch.setattr("vqrna.plots.style.save_figure", save_figure)
    return calls


CUT = NameRule("|", ignore_version=True)


def draw(model, folder, records, **settings):
    fasta = write_fasta(folder / "in.fa", records)
    return draw_first(
        FastaSource((str(fasta),)),
        folder / "out",
        model,
        make_settings(model.modifications, **settings),
    )


def test_png_and_svg_of_a_sequence(model, tmp_path):
    written, left_out = draw(model, tmp_path, {"a/b": letters(90)}, modifications="Am")
    assert left_out == 0
    assert files_in(tmp_path / "out") == ["tracks/01_a_b.png", "tracks/01_a_b.svg"]
    assert written == [tmp_path / "out" / name for name in files_in(tmp_path / "out")]
    png, svg = (path.read_bytes() for path in written)
    assert png.startswith(b"\x89PNG")
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_names_are_cut_in_pictures_as_in_tables(model, tmp_path, drawn):
    source = FastaSource((str(write_fasta(tmp_path / "in.fa", {"a.1|b": "ACGU"})),), CUT)
    written, _ = draw_first(source, tmp_path, model, make_settings(model.modifications))
    assert written[0].name == "01_a.png"


def test_names_are_made_safe_and_stay_apart(model, tmp_path, drawn):
    names = ["../../etc/x", "same", "same", "日本語Ψ", "a" * 300, "..", "seventh"]
    fasta = tmp_path / "in.fa"
    fasta.write_text("".join(f">{name} text\nACGU\n" for name in names))
    written, _ = draw_first(
        FastaSource((str(fasta),)), tmp_path, model, make_settings(model.modifications)
    )
    assert [path.name for path in written[::2]] == [
        "01_.._.._etc_x.png",
        "02_same.png",
        "03_same.png",
        "04__.png",
        "05_" + "a" * 80 + ".png",
        "06_...png",
    ]
    assert {path.parent for path in written} == {tmp_path / "tracks"}
    assert [call[1] for call in drawn] == names[:6]  # the title keeps the name


def test_all_candidates_are_drawn_with_the_calls_of_the_settings(model, tmp_path, drawn):
    text = letters(600)
    draw(model, tmp_path, {"a": text}, modifications="Am,Psi", confidence="high")
    ((table, _, length, kinds, sequence),) = drawn
    assert (length, kinds, sequence) == (600, ["Am", "Psi"], text)
    assert len(table) == text.count("A") + text.count("U")
    assert set(table["call"]) == {"", "high"}


def test_what_is_empty_or_too_long_is_left_out_and_counted(model, tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(pictures, "LONGEST", 50)
    records = {"a": "", "b": "A" * 51, "c": "A" * 50, "d": "N"}
    written, left_out = draw(model, tmp_path, records)
    assert left_out == 2
    assert [path.name for path in written[::2]] == ["03_c.png", "04_d.png"]


def test_nothing_to_draw_makes_no_folder(model, tmp_path, drawn):
    assert draw(model, tmp_path, {"a": ""}) == ([], 1)
    assert not (tmp_path / "out").exists()
