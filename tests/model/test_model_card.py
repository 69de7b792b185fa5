"""What a model is, as a page and as plain values."""

import dataclasses
import math
import re

import numpy as np
import pytest

from seeded import SYMBOLS, calling_model
from tiny import fresh, random_tokens
from vqrna.model import ModelSet
from vqrna.model.familiarity import Familiarity
from vqrna.model.model_card import LIMITS, describe
from vqrna.model.training_sketch import TrainingSketch
from vqrna.model.weights import NAMED, load_model


def rows(page: str, section: str) -> list[list[str]]:
    """Cells of the table in a section of a Markdown page, without its head."""
    part = page.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_card_tells_what_the_model_says_of_itself():
    model = calling_model()
    card = describe(model)
    assert card.hash == "seeded0"
    assert card.config == (model.config.model,)
    assert card.parameters == sum(p.numel() for p in model.network.parameters())
    assert (card.command, card.epochs) == ("vqrna train --data data --out run", "3 of 5")
    assert card.calibration == "me"
    assert card.scan_calibration == "positions"
    am, m6a, *_ = card.types
    assert (am.train, am.valid) == ((1200, 1100), (30, 20))
    assert am.validation["mcc"] == 0.6
    assert (m6a.train, m6a.validation) == ((0, 0), {})
    assert am.p_value_floor == model.off_site[0].floor
    assert am.null_nt == 10_000
    assert [t.tier for t in am.tiers] == ["low", "medium", "high"] * 3
    assert {t.modification for t in m6a.tiers} == {"m6A"}
    assert card.limits[: len(LIMITS)] == LIMITS
    assert card.limits[len(LIMITS) :] == tuple(
        {m.caution: 0 for m in model.modifications if m.caution}
    )


def test_a_card_tells_only_limits_of_its_own_types():
    told = " ".join(describe(fresh(symbols=("Psi", "m5C"))).limits)
    assert "m6Am" not in told
    assert "adapter" not in told
    assert "Not for diagnosis" in told
    assert "adapter" in " ".join(describe(fresh(symbols=("Gm",))).limits)


def test_the_page_holds_a_row_for_each_type_and_tier():
    page = describe(calling_model()).to_markdown()
    assert page.startswith("# Model card\n")
    assert page.endswith("\n")
    types = rows(page, "Modifications")
    assert [row[0] for row in types] == list(SYMBOLS)
    assert types[0][1:8] == ["A", "0.0003", "1,200 / 1,100", "30 / 20", "0.910", "0.820", "0.600"]
    assert types[2][1] == "BCA"
    tiers = rows(page, "Confidence tiers")
    assert len(tiers) == 9 * len(SYMBOLS)
    assert tiers[0] == ["Am", "whole", "low", "0.500", "0.200", "0.300", "1.500", ""]
    for limit in describe(calling_model()).limits:
        assert f"- {limit}\n" in page
    widths = {len(row) for row in types}, {len(row) for row in tiers}
    assert all(len(width) == 1 for width in widths)


def test_tiers_that_no_site_reaches_have_no_row():
    model = calling_model()
    first, second, *others = model.tiers
    unreached = dataclasses.replace(second, recall=0.0004)
    model = dataclasses.replace(model, tiers=(first, unreached, *others))
    page = describe(model).to_markdown()
    tiers = rows(page, "Confidence tiers")
    assert len(tiers) == len(model.tiers) - 1
    assert [second.modification, second.window, second.tier] not in [row[:3] for row in tiers]
    assert page.count("rows with a recall of 0.000 are left out") == 1
    assert len(describe(model).types[0].tiers) == 9  # the JSON has all


@pytest.mark.parametrize("path", sorted({*NAMED.values()}), ids=lambda path: path.stem)
def test_the_cards_of_shipped_weights_are_current(path):
    page = describe(load_model(path, device="cpu")).to_markdown()
    command = "run `python benchmarks/install_weights.py --cards`"
    assert path.with_suffix(".md").read_text(encoding="utf-8") == page, command


def test_the_page_says_modification_and_near():
    page = describe(calling_model()).to_markdown()
    own = page.split("## Limits")[0]
    assert not re.search(r"\b(types?|off site|beside|floor|sketch)\b", own, re.IGNORECASE)


def test_the_card_says_type_by_type_what_a_call_points_at():
    def ranks(auroc, first, near=0.8):
        told = {"auroc": auroc, "first": first, "auroc_near": near}
        return {k: {"windows": 40, "value": v, "low": v - 0.1, "high": v} for k, v in told.items()}

    model = calling_model()
    assert "Locating the site" not in describe(model).to_markdown()
    symbols = [m.symbol for m in model.modifications]
    found = {symbols[0]: ranks(0.95, 0.6), symbols[1]: ranks(0.65, 0.1, 0.5)}
    found[symbols[2]] = ranks(0.8, 0.2)
    del found[symbols[2]]["auroc_near"]
    told = dataclasses.replace(model, training=model.training | {"localisation": found})
    page = rows(describe(told).to_markdown(), "Locating the site")
    assert [row[0] for row in page] == symbols[:3]
    assert page[0][1:4] == ["40", "0.95 (0.85–0.95)", "0.80 (0.70–0.80)"]
    assert [row[-1] for row in page] == [
        "usually the exact base",
        "a region, not a base",
        "likely bases, often not the exact one",
    ]
    assert page[2][3] == ""
    assert describe(told).to_json()["types"][1]["localisation"]["first"]["value"] == 0.1


def test_plain_values_hold_no_nan():
    def numbers(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            return [n for each in value for n in numbers(each)]
        return [value] if isinstance(value, float) else []

    plain = describe(calling_model()).to_json()
    found = numbers(plain)
    assert len(found) > 20
    assert all(map(math.isfinite, found))
    assert plain["types"][0]["tiers"][0]["per_kb_shuffled"] is None
    assert plain["schema_version"] == 1


def test_a_set_is_described_as_one_model():
    parts = tuple(
        dataclasses.replace(
            fresh(symbols=[symbol], seed=seed), training={"best_epoch": seed, "epochs": 4}
        )
        for seed, symbol in enumerate(("Am", "Psi"))
    )
    card = describe(ModelSet(parts, "both"))
    assert card.hash == "both"
    assert [t.modification.symbol for t in card.types] == ["Am", "Psi"]
    assert card.parameters == sum(describe(part).parameters for part in parts)
    assert card.epochs == "0 of 4, 1 of 4"
    assert card.command == "not trained here"
    assert math.isnan(card.types[0].p_value_floor)
    assert "## Modifications" in card.to_markdown()


@pytest.mark.parametrize("word", ["prevalence", "CpG", "human", "diagnosis"])
def test_the_limits_speak_of_what_matters(word):
    assert any(word in limit for limit in LIMITS)


def test_a_card_tells_what_can_be_flagged():
    plain = calling_model()
    assert describe(plain).flags == ()
    assert "flags" not in describe(plain).to_markdown()
    nothing = np.zeros(1)
    sketch = TrainingSketch.of(random_tokens(1200, 101))
    model = dataclasses.replace(
        plain, familiarity=Familiarity(nothing, nothing, nothing, nothing), sketch=sketch
    )
    card = describe(model)
    assert card.flags == ("ood", "in_training (training sequences of 1,200 windows)")
    assert "- flags: ood, in_training (training sequences of 1,200 w" in card.to_markdown()
    assert describe(ModelSet((plain, model))).flags == card.flags


def test_a_model_that_was_chosen_among_others_says_so():
    plain = fresh(symbols=["Am"])
    assert "chosen" not in describe(plain).to_markdown()
    card = describe(dataclasses.replace(plain, training={"chosen": "of seeds 0 and 1 the better"}))
    assert "\n- chosen: of seeds 0 and 1 the better\n" in card.to_markdown()
    assert card.to_json()["chosen"] == "of seeds 0 and 1 the better"


def test_the_page_has_a_row_for_each_type_of_a_further_study():
    scores = {"auroc": 0.81, "acc": 0.7, "mcc": 0.4}
    study = {
        "windows": {"train": 1200, "valid": 90},
        "validation": {"Am": scores, "mean": scores, "Psi": scores | {"auroc": 0.6}},
    }
    model = calling_model()
    model = dataclasses.replace(model, training=model.training | {"studies": {"other": study}})
    table = rows(describe(model).to_markdown(), "Further studies")
    assert table == [
        ["other", "Am", "1,200 / 90", "0.810", "0.700", "0.400"],
        ["other", "Psi", "1,200 / 90", "0.600", "0.700", "0.400"],
    ]
    assert "Further studies" not in describe(calling_model()).to_markdown()


def test_a_calibration_without_curves_is_none():
    model = fresh(symbols=["Am"])
    scans = dataclasses.replace(model.scan_calibration, fitted_on="all positions")
    card = describe(dataclasses.replace(model, scan_calibration=scans))
    assert card.scan_calibration == "not calibrated"
    assert card.types[0].highest == {}
    assert card.types[0].reachable_tiers() == ()
