"""The command `vqrna atlas` on a tiny model."""

import re


def test_files_and_a_summary(vqrna_main, data, model, tmp_path):
    done = vqrna_main(
        "atlas", "--data", data, "--out", tmp_path / "a", "--model", model,
        "--permutations", 20, "--knock-outs", 2, "--curve", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "codebook.tsv", "deletion.tsv", "codes.meme", "top_codes.png", "top_codes.svg",
        "deletion.png", "deletion.svg", "atlas.html", "run.json",
    }  # fmt: skip
    assert "codes are used" in done.out
    line = done.err.splitlines()[0]
    assert re.fullmatch(
        r"vqrna: note: expected time: \d+ s for \d+ windows \(measured on \d+ of them\)", line
    )


def test_a_wrong_palette_is_told_before_the_work(fails, data, model, out):
    fails(2, "atlas", "--data", data, "--out", out, "--model", model, "--palette", "x", told="'x'")
