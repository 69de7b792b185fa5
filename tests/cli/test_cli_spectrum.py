"""The command `vqrna spectrum` on a tiny model."""

import pytest

from vqrna.cli.tables import report_codes
from vqrna.modifications import modification


def test_files_and_a_line_a_type(vqrna_main, data, model, tmp_path):
    out = tmp_path / "deep" / "out"
    done = vqrna_main(
        "spectrum", "--data", data, "--out", out, "--model", model, "--permutations", 50,
        "--palette", "colorblind",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {path.name for path in out.iterdir()} == {
        "tf_idf_matrix_sorted.csv", "spectrum.tsv", "VQRNA_feature_spectrum.png",
        "VQRNA_feature_spectrum.svg", "VQRNA_feature_spectrum.html", "run.json",
    }  # fmt: skip
    assert "m6A" in done.out
    assert all(f"wrote {path}" in done.out for path in out.iterdir())
    assert '"command": "vqrna spectrum --data' in (out / "run.json").read_text()


def test_as_published(vqrna_main, data, model, tmp_path):
    done = vqrna_main("spectrum", "--data", data, "--out", tmp_path, "--model", model, "--paper")
    assert done.code == 0, done.err
    assert not (tmp_path / "spectrum.tsv").exists()
    assert (tmp_path / "tf_idf_matrix_sorted.csv").read_text().startswith("code,m6A\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--palette", "rainbow"), 2, "rainbow"),
        (("--split", "vaild"), 2, "vaild"),
        (("--split", "test"), 1, "no benchmark files"),
        (("--modifications", "m9Z"), 2, "m9Z"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(fails, data, model, out, words, code, told):
    fails(code, "spectrum", "--data", data, "--out", out, "--model", model, *words, told=told)


def test_no_data(fails, model, out, tmp_path):
    nowhere = tmp_path / "nowhere"
    fails(1, "spectrum", "--data", nowhere, "--out", out, "--model", model, told=nowhere)


def test_one_code_is_singular(capsys):
    report_codes([(modification("m6A"), 1, [7]), (modification("Psi"), 0, [])])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "m6A     1 code at FDR < 5 %; most specific: 7",
        "Psi     0 codes at FDR < 5 %",
    ]
