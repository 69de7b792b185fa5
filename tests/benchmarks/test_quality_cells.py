"""Cells of the benchmark of quality: what is wanted, made once, kept whole, and told."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
from benchmarks.pages import into_page
from benchmarks.quality import __main__ as command
from benchmarks.quality import (
    baselines,
    cells,
    kept,
    models,
    picture,
    plan,
    reading,
    report,
    tasks,
    work,
)
from benchmarks.quality.differences import difference
from benchmarks.quality.models import Spec
from benchmarks.quality.statistics import Measured, Value, _mean, called, fifths, measure_all

from tiny import MOTIFS, tiny
from vqrna.data.overlap import overlapping
from vqrna.errors import DataError, UsageError
from vqrna.sequence import decode, encode
from vqrna.stats.metrics import ranking
from vqrna.studies import CellStore

SYMBOLS = ("Am", "Um")
NUMBER = {"Am": 1, "Um": 4}


def write_data(folder, n=60, length=121):
    """A data set in the benchmark layout; half of the modified windows have an odd flank, too."""
    rng = np.random.default_rng(0)
    for split, count in (("train", n), ("valid", n // 3)):
        (folder / split).mkdir(parents=True)
        for symbol in SYMBOLS:
            for label in (0, 1):
                tokens = rng.integers(0, 4, (count, length)).astype(np.uint8)
                motif = encode(MOTIFS[symbol])
                tokens[:, length // 2] = motif[2]
                if label:
                    tokens[:, length // 2 - 2 : length // 2 + 3] = motif
                if split == "valid":  # one window is a shifted one of the training
                    tokens[0] = np.roll(kept_from[symbol, label], 3)
                    tokens[0, length // 2] = motif[2]
                else:
                    kept_from[symbol, label] = tokens[0]
                lines = [f">{symbol}{label}{i}\n{decode(t)}\n" for i, t in enumerate(tokens)]
                (folder / split / f"{NUMBER[symbol]}-{label}.fasta").write_text("".join(lines))
    return folder


kept_from: dict = {}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A data set, and a folder with the cells of three models, one of them a network."""
    base = tmp_path_factory.mktemp("quality")
    data = tasks.Data(write_data(base / "data"), base / "results" / "keys")
    return base, data


@pytest.fixture
def specs(monkeypatch):
    """Three models in place of all."""
    ours = Spec("ours", "ours", config=tiny(epochs=1), joint=True)
    few = models.spec("trees")
    trees = dataclasses.replace(
        few, fit=lambda w, c, s: baselines.fit_trees(w, c, s, rounds=10), settings={"rounds": 10}
    )
    three = (ours, trees, models.spec("cpg"))
    for module in (models, report, kept):
        monkeypatch.setattr(module, "SPECS", three)
    return {spec.name: spec for spec in three}


def make(place, spec, split, seed=0, **more):
    base, data = place
    job = cells.Job(spec, split, seed, SYMBOLS, **more)
    store = CellStore(base / "results")
    return cells.make(job, data.task(split), data.name, store, base / "runs")


def test_tasks_hold_back_what_they_say(place):
    _, data = place
    public = data.task("public")
    assert len(public.train), len(public.held) == (240, 80)
    shared = overlapping(public.held.tokens, public.train.tokens)
    assert shared.sum() == 4
    assert (public.key.apart == ~shared).all()
    assert public.for_networks(0)[1] is public.held
    seen = []
    for fold in tasks.SPLITS[1:]:
        task = data.task(fold)
        assert not overlapping(task.held.tokens, task.train.tokens).any()
        train, inner = task.for_networks(0)
        assert len(train) + len(inner) == len(task.train)
        assert not overlapping(inner.tokens, train.tokens).any()
        seen += task.rows.tolist()
    assert sorted(seen) == list(range(320))
    with pytest.raises(UsageError, match="unknown split 'fold-9'"):
        data.task("fold-9")


def test_keys_are_kept_and_belong_to_their_data(place, tmp_path):
    base, _ = place
    again = tasks.Data(base / "data", base / "results" / "keys")
    path = tasks.key_path(base / "results" / "keys", "folds")
    before = path.read_bytes()
    again.task("fold-0")
    assert path.read_bytes() == before
    other = tasks.Data(write_data(tmp_path / "other", n=30), base / "results" / "keys")
    with pytest.raises(DataError, match="made of other windows"):
        other.task("fold-0")


def test_what_is_wanted_is_listed_once():
    found = plan.jobs(["paper", "trees", "cpg", "ours"], ["public", "folds"], [3, 4], SYMBOLS)
    count = {name: sum(job.spec.name == name for job in found) for name in models.NAMES}
    assert count["paper"] == 6 * 2 * 2  # a type each
    assert count["trees"] == count["ours"] == 6 * 2
    assert count["cpg"] == 6  # nothing random is in it
    assert {job.seed for job in found if job.spec.name == "cpg"} == {0}
    assert len({job.identity("data").digest for job in found}) == len(found)
    one = plan.jobs(["ours", "trees"], ["public"], [0], SYMBOLS, ["Um"], epochs=2)
    assert [job.types for job in one] == [SYMBOLS, ("Um",)]
    assert one[0].identity("data").epochs == 2
    for wrong in ({"models": ["oak"]}, {"splits": ["test"]}, {"types": ["Xm"]}):
        given = {"models": ["cpg"], "splits": ["public"], "types": None} | wrong
        with pytest.raises(UsageError, match="unknown"):
            plan.jobs(given["models"], given["splits"], [0], SYMBOLS, given["types"])


def test_a_cell_keeps_what_its_model_says(place, specs):
    base, data = place
    cell = make(place, specs["trees"], "public")
    path = cells.logits_path(CellStore(base / "results"), cell.identity)
    stored = np.load(path)
    held = data.task("public").held
    known = held.labels[:, 0] >= 0
    logits = stored["logit_Am"].astype(float)
    assert len(logits) == known.sum() == 40
    labels = held.labels[known, 0]
    value = float(ranking(labels, logits, np.ones((1, 40)))[0][0])
    assert cell.score("Am")[0] == pytest.approx(value, abs=1e-5)
    assert cell.score("Am")[0] > 0.9
    assert cell.score("Am", windows="non_overlapping")[0] > 0.9
    located = cell.more["localisation"]["Um"]
    assert located["n"] == 19  # one overlaps a training window
    assert located["auroc"] == pytest.approx(stored["within_Um"].astype(float).mean(), abs=1e-3)
    assert located["auroc"] > 0.8
    assert not data.task("public").key.apart[np.setdiff1d(np.arange(80), stored["row_Um"])].all()
    before = path.read_bytes()
    make(place, specs["trees"], "public")  # is not made again
    assert path.read_bytes() == before


def test_a_network_is_a_cell_like_any(place, specs):
    cell = make(place, specs["ours"], "fold-1", seed=5, epochs=2)
    assert cell.identity.config["training"]["epochs"] == 2
    assert cell.more["epochs"] == 2
    windows = cell.more["windows"]
    assert windows["train"] + windows["epoch_chosen_on"] == pytest.approx(256, abs=3)
    assert windows["epoch_chosen_on"] == pytest.approx(26, abs=3)
    assert 0 <= cell.score("Um")[0] <= 1
    assert "Um" in cell.more["localisation"]


def test_a_network_that_was_trained_before_is_taken_if_it_is_the_one(place, specs, tmp_path):
    from vqrna.training import train_network

    _, data = place
    task = data.task("public")
    spec = specs["ours"]
    run = train_network(
        task.train, task.held, tmp_path / "run", spec.configured(7, None), show_progress=False
    )
    store = CellStore(tmp_path / "results")

    def cell(seed, split="public"):
        job = cells.Job(spec, split, seed, SYMBOLS)
        where, runs = data.task(split), tmp_path / "runs"
        return cells.make(job, where, data.name, store, runs, weights=run.folder)

    found = cell(7)
    assert found.more["weights"] == run.model.hash
    kept_logits = np.load(cells.logits_path(store, found.identity))["logit_Um"].astype(float)
    expected = run.model.logits(task.held.tokens[task.known("Um")])[:, 1]
    assert kept_logits == pytest.approx(expected, abs=0.01)
    with pytest.raises(UsageError, match="other settings"):
        cell(8)
    with pytest.raises(UsageError, match="other windows than those of fold-2"):
        cell(7, "fold-2")


def test_the_report_has_the_measured_models_alone(place, specs, tmp_path):
    base, _ = place
    for split in tasks.SPLITS:
        make(place, specs["cpg"], split)
        make(place, specs["trees"], split)
        if split in ("public", "fold-0"):
            make(place, specs["trees"], split, seed=1)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- quality: tables -->\nstale\n<!-- -->\nafter\n")
    report.write_report(base / "results", page, tmp_path / "picture.png")
    text = page.read_text()
    validation, folds = text.split("Leak-free cross-validation:")
    assert re.search(r"\| trees \(LightGBM\) \|.* 2 \|", validation)
    assert re.search(r"\| trees \(LightGBM\) \|.* 1 \|", folds)
    assert "stale" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale" not in text
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    gathered = kept.gather(base / "results")
    labels = [m.label for m in gathered.models]
    assert "trees" in labels
    trees = next(m for m in gathered.models if m.label == "trees")
    assert trees.seeds("Am", "public") == [0, 1]
    assert trees.seeds("Am", "folds") == [0]  # the second seed is not whole
    found = measure_all(gathered, resamples=50)
    value = found.get("trees", "folds", "Am")
    folds = []
    for fold in range(5):
        cell = make(place, specs["trees"], f"fold-{fold}")
        folds.append(cell.score("Am")[0])
    assert value.value == pytest.approx(np.mean(folds), abs=1e-5)
    low, high = value.bounds
    assert low <= value.value <= high
    assert found.get("trees", "public", "Am").spread >= 0
    assert np.isnan(value.spread)
    lines = [x for x in text.splitlines() if x.startswith("| trees (LightGBM) | 0")]
    assert any(x.startswith(f"| trees (LightGBM) | {value.value:.3f} |") for x in lines)
    assert found.get("ours", "folds", "Am") is None
    assert "| vqrna" not in text
    assert "#### " not in text  # only trees could be compared, with nothing
    csv = (base / "results" / "tables" / "quality.csv").read_text()
    assert "trees,folds,all,Am,auroc," in csv


def test_a_page_without_markers_is_told(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(DataError, match="has no lines"):
        into_page(page, "quality: tables", "x")


def test_cells_of_other_settings_are_left_out(place, specs, monkeypatch):
    base, _ = place
    make(place, specs["cpg"], "public")
    before = kept.gather(base / "results")
    other = tuple(dataclasses.replace(s, settings={"within": 99}) for s in (specs["cpg"],))
    monkeypatch.setattr(kept, "SPECS", other)
    after = kept.gather(base / "results")
    assert "cpg" in [m.label for m in before.models]
    assert after.models == []
    assert after.left_out > before.left_out


def test_a_model_against_itself_differs_by_nothing():
    rng = np.random.default_rng(0)
    samples = rng.random(101)
    one, more = Value(samples, samples[:1]), Value(samples + 1, samples[:1])
    none = difference(one, Value(samples.copy(), samples[:1]))
    assert (none.value, none.windows, none.bounds, none.verdict) == (0, (0, 0), (0, 0), "")
    assert difference(more, one).verdict == "better"
    assert difference(one, more).verdict == "worse"


def test_the_interval_of_a_difference_knows_of_seeds():
    """Two ends .02 from the middle by the windows, and t(2) = 4.303 of the error by the seeds."""
    samples = np.concatenate([[0.9], np.linspace(0.8795, 0.9205, 1001)])
    mine = Value(samples, np.array([0.9]))
    theirs = Value(np.full(1002, 0.87), np.array([0.86, 0.87, 0.88]))
    low, high = difference(mine, theirs).windows
    assert (low, high) == pytest.approx((0.0105, 0.0495), abs=2e-4)
    alone = difference(mine, theirs).bounds  # nobody lends a spread: one seed is certain
    half = np.hypot(0.0195, 4.303 * 0.01 / np.sqrt(3))
    assert alone == pytest.approx((0.03 - half, 0.03 + half), abs=2e-4)
    lent = difference(mine, theirs, [theirs]).bounds
    half = np.hypot(0.0195, 4.303 * 0.01 * np.sqrt(1 + 1 / 3))
    assert lent == pytest.approx((0.03 - half, 0.03 + half), abs=2e-4)
    more = Value(samples, np.array([0.84, 0.86, 0.88]))  # squares .0002 and .0008 on 2 + 2
    both = difference(mine, dataclasses.replace(theirs, fixed=True), [theirs, more]).bounds
    half = np.hypot(0.0195, 2.776 * np.sqrt(0.00025))
    assert both == pytest.approx((0.03 - half, 0.03 + half), abs=2e-4)


def test_a_mean_is_of_the_seeds_that_all_types_have():
    values = [Value(np.full(3, x), np.array([x]), (seed,)) for x, seed in ((0.8, 0), (0.9, 1))]
    assert len(_mean(values).by_seed) == 0
    assert _mean(values[:1] * 2).by_seed.tolist() == [0.8]


def test_what_is_said_follows_the_numbers():
    def value(at):
        return Value(np.array([at, at - 0.001, at + 0.001]), np.array([at]), (0,))

    found = Measured()
    for model, mean, hard in (("ours", 0.95, 0.66), ("trees", 0.93, 0.66), ("trees+", 0.94, 0.68)):
        found.values[model, "folds", "all", "mean9", "auroc"] = value(mean)
        found.values[model, "folds", "all", "m6A-hard", "auroc"] = value(hard)
    text = reading.less_the_trees(found)
    assert "higher by 0.020 (0.020 to 0.020) than that of the trees and" in text
    assert "none against the trees, m6A among sites of its own motif by 0.020 against" in text
    assert reading.costs_of_codes(found) == ""
    told = reading.verdicts(found, [("ours", "trees"), ("ours", "trees+")], ["mean9", "m6A-hard"])
    assert told.startswith("Of 4 differences (")
    assert "3 have a 95 % interval that excludes 0" in told


def test_paired_differences_are_tighter_than_their_parts(place, specs):
    base, _ = place
    for spec in ("cpg", "trees"):
        make(place, specs[spec], "public")
    found = measure_all(kept.gather(base / "results"), resamples=200)
    trees = found.get("trees", "public", "Am")
    nothing = trees - trees
    assert nothing.bounds == (0, 0)
    cpg = found.get("cpg", "public", "Am")
    low, high = (trees - cpg).bounds
    assert low > 0  # the motif is at the site, not in the number of CG
    assert low <= trees.value - cpg.value <= high


def test_calls_come_from_a_line_of_the_other_parts():
    labels = np.array([0, 1] * 20, dtype=bool)
    part = np.repeat([0, 1], 20)
    logits = np.where(labels, 5.0, 3.0)
    assert (called(logits, labels, part) == labels).all()
    # Parts of opposite meaning: what one teaches is wrong in the other
    turned = np.where(part == 1, 8.0 - logits, logits)
    assert (called(turned, labels, part) == labels).mean() <= 0.5


def test_fifths_keep_clusters_whole():
    cluster = np.repeat(np.arange(100), 3)
    part = fifths(cluster)
    assert (part.reshape(100, 3) == part.reshape(100, 3)[:, :1]).all()
    assert np.bincount(part).tolist() == [60] * 5


def test_the_command_makes_plans_and_cells(place, specs, capsys, monkeypatch, tmp_path):
    base, _ = place
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command, "PICTURE", tmp_path / "picture.png")
    monkeypatch.setattr(work, "_LOADED", {})
    (tmp_path / "page.md").write_text("<!-- quality: tables --><!-- -->")
    given = [
        str(base / "data"), "--models", "cpg", "--splits", "public", "--types", "Um",
        "--results", str(tmp_path / "results"), "--runs", str(tmp_path / "runs"),
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert command.main([*given, "--plan"]) == 0
        assert "1 cells, 0 of them finished" in capsys.readouterr().out
        assert command.main(given) == 0
        assert "cpg public seed 0" in capsys.readouterr().out
        assert command.main([*given, "--plan"]) == 0
        assert "1 cells, 1 of them finished" in capsys.readouterr().out
        assert "CpG content" not in (tmp_path / "page.md").read_text()  # of the kept cells alone
        monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
        assert command.main([*given, "--table"]) == 0
        assert "CpG content" in (tmp_path / "page.md").read_text()
        assert command.main([*given, "--models", "oak"]) == 1
        assert "unknown model 'oak'" in capsys.readouterr().err


def test_the_page_tells_what_the_kept_table_holds(root):
    import pandas as pd

    table = pd.read_csv(root / "benchmarks" / "results" / "quality" / "tables" / "quality.csv")
    chosen = table[
        (table["place"] == "public")
        & (table["windows"] == "all")
        & (table["type"] == "mean9")
        & (table["measure"] == "auroc")
    ]
    assert "trees" in set(chosen["model"])
    page = (root / "docs/quality.md").read_text(encoding="utf-8")
    for row in chosen.itertuples():
        cell = f"| {row.value:.3f} ({row.low:.3f}–{row.high:.3f}) |"
        assert cell in page, f"docs/quality.md is out of date: {row.model} {cell}"


def test_a_cell_names_no_place_of_this_machine():
    given = ["some/data", "--models", "ours", "--weights", "some/weights", "--seeds", "0"]
    args = command.parser().parse_args(given)
    expected = "python -m benchmarks.quality DATA --models ours --weights WEIGHTS --seeds 0"
    assert command.portable_command(given, args) == expected


def test_every_model_has_a_look_of_its_own():
    assert set(picture.LOOKS) == {*models.NAMES, models.ENSEMBLE.name}
    assert len(set(picture.LOOKS.values())) == len(picture.LOOKS)


def test_no_kept_cell_is_of_other_settings(root):
    """A renamed setting would drop a model from the tables without a word."""
    assert kept.gather(root / "benchmarks" / "results" / "quality").left_out == 0
