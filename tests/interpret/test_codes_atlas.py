"""The atlas of a small codebook, and its files."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tiny import fresh, planted, tiny
from vqrna.interpret.atlas import _binned, _importance, atlas, write_atlas
from vqrna.interpret.codes import read_codes
from vqrna.interpret.html import page, plain
from vqrna.sequence import centre, recentre

SYMBOLS = ("Am", "Cm", "Um")


@pytest.fixture(scope="module")
def model():
    return fresh(tiny(codebook_size=16), SYMBOLS)


@pytest.fixture(scope="module")
def windows():
    return planted(n=48, length=61, symbols=SYMBOLS)


@pytest.fixture(scope="module")
def found(model, windows):
    return atlas(model, windows, permutations=60, sample=4, curve_windows=3)


def test_a_row_a_code(found, model, windows):
    table = found.table()
    codes = read_codes(model, windows.tokens).codes
    assert table.code.tolist() == list(range(16))
    assert table.tokens.tolist() == np.bincount(codes.ravel(), minlength=16).tolist()
    assert table.usage.sum() == pytest.approx(1)
    holding = [(codes == k).any(axis=1).mean() for k in range(16)]
    assert table.windows_share.tolist() == pytest.approx(holding)
    used = table.usage > 0
    own = [row[f"log_odds_site_{row['type']}"] for _, row in table[used].iterrows()]
    assert own == table[used].log_odds_site.tolist()
    assert table.loc[~used, "log_odds_site_Am"].isna().all()


def test_places_are_counted_in_the_windows_of_the_codes_own_type(found, model, windows):
    codes = read_codes(model, windows.tokens).codes
    for k in range(16):
        m = found.spectrum.group[k]
        for side, label in enumerate((1, 0)):
            of_type = codes[windows.labels[:, m] == label]
            assert found.profile[k, side].tolist() == (of_type == k).sum(axis=0).tolist()
            assert found.profiled[k, side] == len(of_type)


def test_nearest_codes_are_near(found, model):
    book = model.network.quantizer.codebook.numpy()
    distance = np.linalg.norm(book[:, None] - book, axis=2) + 1e9 * np.eye(16)
    told = np.take_along_axis(distance, found.nearest, axis=1)
    assert told == pytest.approx(found.distance, abs=1e-5)
    assert found.distance == pytest.approx(np.sort(distance, axis=1)[:, :5], abs=1e-5)


def test_tokens_are_worth_what_substitutions_take_from_their_letters(model, windows):
    place = read_codes(model, windows.tokens[:1]).layout
    window = recentre(windows.tokens[1:2], model.length)
    changed = np.repeat(window, 4 * window.shape[1], axis=0)
    column, base = np.divmod(np.arange(len(changed)), 4)
    changed[np.arange(len(changed)), column] = base
    whole, logits = model.logits(window)[0, 1], model.logits(changed)[:, 1]
    lost = (whole - logits).reshape(-1, 4).sum(axis=1) / 3
    found = _importance(model, place, windows.tokens[1:2], 1)[0]
    for t, middle in enumerate(place.middles.astype(int) + centre(model.length)):
        assert found[t] == pytest.approx(lost[middle - 1 : middle + 2].sum(), abs=1e-4)
    assert np.abs(found).max() > 1e-3


def test_the_deletion_curve_has_all_orders(found):
    assert set(found.deletion.order) <= {"specific", "random", "occlusion", "mutagenesis"}
    assert len(found.deletion)


def test_files(found, tmp_path):
    written = write_atlas(found, tmp_path, model_hash="beef", split="valid", palette="colorblind")
    assert {path.name for path in written} == {
        "codebook.tsv", "deletion.tsv", "codes.meme", "top_codes.png", "top_codes.svg",
        "deletion.png", "deletion.svg", "atlas.html", "run.json",
    }  # fmt: skip
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["model"], record["settings"]["split"]) == ("beef", "valid")
    used = int((found.usage > 0).sum())
    about = f"{used} of 16 codes of model beef are used in validation windows."
    assert about in (tmp_path / "atlas.html").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "codebook.tsv", sep="\t")
    assert len(table) == 16
    assert len(table.nearest[0].split(",")) == 5
    html = (tmp_path / "atlas.html").read_text()
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    data = json.loads(re.search(r"const D = (.*);\n", html)[1])
    assert len(data["bits"]) == len(data["usage"]) == 16
    assert "beef" in data["facts"]


def test_bins_are_about_the_middle_and_lose_nothing():
    profile = np.arange(2 * 2 * 11).reshape(2, 2, 11)
    binned = _binned(profile)
    assert binned.sum(axis=2).tolist() == profile.sum(axis=2).tolist()
    assert binned.shape[2] % 2 == 1
    middle = binned.shape[2] // 2
    assert binned[0, 0, middle] == profile[0, 0, 4:7].sum()


def test_no_name_can_end_the_script_of_a_page():
    evil = "</script><script>alert(1)</script><!--"
    text = page("atlas", {"about": evil})
    assert evil not in text
    assert text.count("</script>") == 1
    data = re.search(r"const D = (.*);\n", text)[1]
    assert json.loads(data) == {"about": evil}


def test_plain_numbers_are_short_and_have_no_nan():
    assert plain(np.array([[0.12345678, np.nan], [1e-9, 2]])) == [[0.123, None], [1e-9, 2.0]]
    assert plain(np.array([1, 2])) == [1, 2]
