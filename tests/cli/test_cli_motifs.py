import numpy as np
import pandas as pd
import pytest

from seeded import files_in
from tiny import measured, planted
from vqrna.model.weights import save_model
from vqrna.modifications import modification
from vqrna.runtime.files import output_files
from vqrna.runtime.run_record import read_run_record
from vqrna.sequence import decode

FILES = [
    "Importance_Score.png", "Importance_Score.svg", "attributions.npz", "attributions.tsv",
    "importance.tsv", "motifs.meme", "motifs.png", "motifs.svg", "motifs.tsv",
    "motifs_combined.png", "motifs_combined.svg",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(measured(), path)
    return path


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "windows.fa"
    tokens = planted(12).tokens
    path.write_text("".join(f">w{n}\n{decode(t)}\n" for n, t in enumerate(tokens)))
    return path


def test_everything_is_written(vqrna_main, model, fasta, tmp_path):
    out = tmp_path / "out"
    done = vqrna_main("motifs", fasta, "--modification", "Am", "--out", out, "--model", model)
    assert done.code == 0, done.err
    assert files_in(out) == sorted([*FILES, "run.json"])
    assert "12 windows" in done.out
    record = read_run_record(out)
    assert record["settings"]["modification"] == "Am"
    assert sorted(record["files"]) == sorted(FILES)
    table = pd.read_csv(out / "importance.tsv", sep="\t")
    assert table.offset.tolist() == list(range(-25, 26))
    heights = table[["A", "C", "G", "U"]].sum(axis=1).to_numpy()
    assert heights == pytest.approx(table.importance.to_numpy(), rel=1e-4)
    found = np.load(out / "attributions.npz")
    assert found["attributions"].shape == (12, 4, 51)
    assert found["position"].tolist() == [26] * 12
    each = pd.read_csv(out / "attributions.tsv", sep="\t")
    assert len(each) == 12 * 51
    assert each.attribution.abs().groupby(each.offset).mean().to_numpy() == pytest.approx(
        table.importance.to_numpy(), rel=1e-4, abs=1e-6
    )
    site = each[each.offset == 0]
    assert (site.base == "A").all()
    assert (site.site == 26).all()


def test_sites_of_longer_sequences_conventions_and_formats(vqrna_main, model, tmp_path):
    fasta = tmp_path / "long.fa"
    fasta.write_text(f">s\n{'GGACU' * 40}\n")
    table = tmp_path / "sites.tsv"
    table.write_text("sequence\tposition\tmodification\ns.2\t103\tAm\ns\t3\tAm\ns\t104\tCm\n")
    out = tmp_path / "out"
    done = vqrna_main(
        "motifs", fasta, "--sites", table, "--modification", "Am", "--out", out, "--model", model,
        "--convention", "hypothetical", "--format", "tsv", "--paper", "--palette", "colorblind",
        "--ignore-version",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "attributions.npz" not in files_in(out)
    each = pd.read_csv(out / "attributions.tsv", sep="\t")
    assert len(each) == 2 * 51
    assert sorted(each.site.unique()) == [3, 103]
    # Hypothetical attributions of a position sum to zero
    assert each[["A", "C", "G", "U"]].sum(axis=1).abs().max() < 1e-5
    assert read_run_record(out)["settings"]["target"].startswith("sigmoid")


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (("--modification", "m7G"), "unknown modification 'm7G' (known: Am, Cm)", 2),
        (("--modification", "Am", "--convention", "x"), "unknown convention 'x'", 2),
        (("--modification", "Am", "--palette", "x"), "unknown palette 'x'", 2),
        (("--modification", "Am", "--ignore-version"), "--ignore-version need --sites", 2),
        (("--modification", "Am", "--format", "bed"), "unknown format 'bed'", 2),
        (("--modification", "Cm"), "no window has a site of Cm", 1),
        (("--modification", "Am", "--compare", "nothing.meme"), "nothing.meme", 1),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    vqrna_main, model, fasta, tmp_path, options, words, code
):
    out = tmp_path / "out"
    done = vqrna_main("motifs", fasta, "--out", out, "--model", model, *options)
    assert done.code == code
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not out.exists()


def test_the_same_work_gives_the_same_bytes(vqrna_main, model, fasta, tmp_path):
    read = []
    for _ in range(2):
        out = tmp_path / "out"
        done = vqrna_main("motifs", fasta, "--modification", "Am", "--out", out, "--model", model)
        assert done.code == 0
        read.append({name: (out / name).read_bytes() for name in FILES})
    assert read[0] == read[1]


def test_short_windows_are_drawn_without_the_padding(vqrna_main, model, tmp_path, monkeypatch):
    from vqrna.interpret import files

    drawn = {}
    for name in ("importance_bars", "importance_logos"):
        real = getattr(files, name)

        def call(*args, _name=name, _real=real, **options):
            drawn[_name] = args
            return _real(*args, **options)

        monkeypatch.setattr(files, name, call)
    fasta, out = tmp_path / "short.fa", tmp_path / "short"
    fasta.write_text(
        "".join(f">{n}\n{decode(t[15:36])}\n" for n, t in enumerate(planted(4).tokens))
    )
    words = ("motifs", fasta, "--modification", "Am", "--out", out, "--model", model)
    done = vqrna_main(*words)
    assert done.code == 0, done.err
    inside = list(range(-10, 11))
    assert drawn["importance_bars"][1].tolist() == drawn["importance_logos"][1].tolist() == inside
    assert drawn["importance_logos"][0].shape == (4, 21)
    assert len(pd.read_csv(out / "importance.tsv", sep="\t")) == 51  # the values stay


@pytest.mark.parametrize(
    ("seqlets", "why"), [(0, "no seqlets"), (3, "all groups of seqlets are too small")]
)
def test_a_picture_without_motifs_says_why(tmp_path, monkeypatch, seqlets, why):
    from vqrna.interpret import files

    drawn = []
    real = files.motif_logos
    monkeypatch.setattr(files, "motif_logos", lambda *args: drawn.append(args) or real(*args))
    with output_files(tmp_path) as written:
        files.write_motifs(written, [], 6, seqlets, modification("m6A"), "types", {})
    assert drawn[0][3] == f"no motifs: {why}"
