"""Spaces: what is drawn, what depends on what, grids, and every way to write one wrongly."""

import optuna
import pytest

from vqrna.config import preset, validated
from vqrna.errors import DataError, UsageError
from vqrna.studies import Parameter, Space, read_search


def draw(space, **values):
    """Settings of a trial in which the sampler draws these numbers."""
    chosen = space.suggest(optuna.trial.FixedTrial(values))
    return space.settings(chosen)


def read(search_file, space, more=""):
    return read_search(search_file(f"{more}\n[space]\n{space}\n"))


def test_values_have_the_type_of_their_setting(search_file):
    space = read(
        search_file,
        "learning_rate = { low = 1e-4, high = 1e-2, log = true }\n"
        "batch_size = [16, 32]\n"
        "model.width = { low = 8, high = 32, step = 8 }\n"
        '[space.training]\n"seed" = { low = 0, high = 4 }',
    ).space
    found = draw(space, learning_rate=1e-3, batch_size=32, width=24, seed=3)
    assert found == {"learning_rate": 1e-3, "batch_size": 32, "width": 24, "seed": 3}
    assert {type(found[name]) for name in ("batch_size", "width", "seed")} == {int}


def test_what_depends_on_a_choice_is_there_only_then(search_file):
    space = read(
        search_file,
        'weight_decay = { low = 0.1, high = 0.2, when = { optimizer = "adamw" } }\n'
        "dropout = { low = 0.0, high = 0.5, when = { weight_decay = [0.1, 0.15] } }\n"
        'optimizer = ["adam", "adamw"]',
    ).space
    assert [p.label for p in space.parameters] == ["optimizer", "weight_decay", "dropout"]
    assert draw(space, optimizer="adam") == {"optimizer": "adam"}
    assert draw(space, optimizer="adamw", weight_decay=0.12) == {
        "optimizer": "adamw",
        "weight_decay": 0.12,
    }
    assert draw(space, optimizer="adamw", weight_decay=0.1, dropout=0.3)["dropout"] == 0.3


def test_what_is_the_same_in_all_trials_settles_a_condition(search_file):
    space = read(search_file, 'dropout = { low = 0.1, high = 0.2, when = { optimizer = "adamw" } }')
    assert space.space.parameters[0].when == ()


def test_a_grid_goes_through_conditions(search_file):
    space = read(
        search_file,
        'optimizer = ["adam", "adamw"]\n'
        "weight_decay = { low = 0.0, high = 0.1, step = 0.05, when = { optimizer = 'adamw' } }\n"
        "batch_size = { low = 16, high = 32, step = 16 }",
    ).space
    points = space.grid(100)
    adam = [{"optimizer": "adam", "batch_size": b} for b in (16, 32)]
    adamw = [
        {"optimizer": "adamw", "weight_decay": w, "batch_size": b}
        for b in (16, 32)
        for w in (0.0, 0.05, 0.1)
    ]
    assert len(points) == 8
    assert all(point in points for point in adam + adamw)
    assert space.grid(3) == points[:3]


def test_the_metric_is_what_keeps_an_epoch(search_file):
    one = read(search_file, "seed = [0, 1]", '[search]\nmetric = "accuracy"')
    assert (one.base.training.select_by, one.column, one.direction) == (
        "accuracy",
        "acc",
        "maximize",
    )
    two = read(search_file, "seed = [0, 1]", '[search]\nmetric = "loss"')
    assert (two.base.training.select_by, two.column, two.direction) == ("auroc", "loss", "minimize")
    three = read(search_file, "seed = [0, 1]", '[search]\npreset = "paper"')
    assert three.settings.metric == "accuracy"  # as the preset keeps its epochs


def test_options_go_before_the_file(search_file):
    file = search_file("[training]\nepochs = 7\n[space]\nseed = [0, 1]\n")
    assert read_search(file).base.training.epochs == 7
    search = read_search(file, "paper", epochs=2, length=51)
    assert search.base.training.epochs == 2
    assert (search.base.model.architecture, search.base.model.length) == ("paper", 51)


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("", "the space of the search is empty"),
        ("nothing = [1]", "unknown setting 'nothing'"),
        ("seed = 3", "expected a list of choices"),
        ("seed = []", "choice must be a list"),
        ("seed = { low = 1 }", "low and high are both needed"),
        ("seed = { low = 1, high = 3, q = 1 }", "unknown key 'q'"),
        ("seed = { low = 3, high = 1 }", "low must be below high"),
        ("seed = { low = 0.5, high = 3 }", "is an integer"),
        ("learning_rate = { low = 0, high = 1, log = true }", "needs a low above 0"),
        (
            "learning_rate = { low = 1, high = 2, log = true, step = 1 }",
            "cannot be combined with log",
        ),
        ("optimizer = { low = 1, high = 2 }", "is not a number"),
        ("dropout = { low = 0.0, high = inf }", "must be finite"),
        ("seed = { low = 0, high = 20000000000000 }", "'seed' cannot be 20000000000000: "),
        ("optimizer = [['adam']]", "a choice is a single value"),
        ("seed = { choice = [0], when = { optimizer = [['adam']] } }", "expects a value or a list"),
        ("optimizer = ['adam', 'sgd']", "'optimizer' cannot be sgd"),
        ("dropout = { low = 0.0, high = 1.5 }", "'dropout' cannot be 1.5"),
        ("length = { low = 101, high = 201, step = 25 }", "'length' cannot be 126"),
        (
            "optimizer = ['adam']\nseed = { choice = [0], when = { optimizer = [] } }",
            "expects a value or a list",
        ),
        ("seed = { choice = [0], when = { nothing = 1 } }", "the unknown setting 'nothing'"),
        ("seed = { choice = [0], when = { optimizer = 'adam' } }", "optimizer is adamw in all"),
        (
            "optimizer = ['adam', 'adamw']\nseed = { choice = [0], when = { optimizer = 'Adam' } }",
            "optimizer is never Adam",
        ),
        (
            "seed = { choice = [0], when = { epochs = 1 } }\n"
            "epochs = { choice = [1], when = { seed = 0 } }",
            "circular dependency",
        ),
    ],
)
def test_a_wrong_space_is_told_in_one_line(search_file, space, told):
    with pytest.raises((UsageError, DataError), match=told) as caught:
        read(search_file, space)
    assert "search.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[search]\ntrails = 3", "trails: unknown setting"),
        ("[search]\ntrials = 0", "trials: "),
        ("[search]\npreset = 'big'", "unknown preset 'big'"),
        ("[searching]", "unknown table or setting 'searching'"),
        ("[training]\nepoch = 3", "training.epoch: unknown setting"),
        ("[search]\nmodifications = 3", "a list of names"),
        ("search = 1", r"write \[search\]"),
        ("[search", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(search_file, text, told):
    with pytest.raises((UsageError, DataError), match=told):
        read_search(search_file(text + "\n[space]\nseed = [0, 1]\n"))


def test_no_file_and_no_known_form(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_search(tmp_path / "none.toml")
    with pytest.raises(DataError, match="unknown format of a search"):
        read_search(tmp_path / "none.ini")


def test_two_places_for_one_setting_are_told():
    twice = tuple(Parameter(label, "seed", "choice", (0, 1)) for label in ("a", "b"))
    with pytest.raises(UsageError, match="'seed' is varied by two parameters"):
        Space(twice).check(preset("vqrna"))


def test_a_grid_needs_an_end(search_file):
    space = read(search_file, "learning_rate = { low = 1e-3, high = 1e-2 }").space
    with pytest.raises(UsageError, match="a grid needs choices or steps: 'learning_rate'"):
        space.grid(5)
    fine = "learning_rate = { low = 1e-3, high = 1, step = 1e-12 }"
    with pytest.raises(UsageError, match="too fine: 'learning_rate' has more than 100000 steps"):
        read(search_file, fine).space.grid(5)


def test_records_of_earlier_versions_are_read():
    values = {"label": "seed", "setting": "seed", "kind": "int", "low": 0, "high": 3}
    parameter = validated(Parameter, values)
    assert parameter == Parameter("seed", "seed", "int", (), 0, 3)
