"""NNI files: every distribution by hand, nesting, published names, what cannot be honoured."""

import json
import math

import optuna
import pytest

from vqrna.errors import DataError, UsageError
from vqrna.studies import read_search

PUBLISHED = {
    "lr": {"_type": "choice", "_value": [1e-3, 1e-4]},
    "batch_size": {"_type": "choice", "_value": [16, 32, 64, 128, 256]},
    "seed": {"_type": "choice", "_value": [0, 1, 2, 3, 4]},
    "data_index": {"_type": "choice", "_value": [4]},
    "loss1": {"_type": "uniform", "_value": [0, 1]},
    "loss2": {"_type": "uniform", "_value": [0, 1]},
    "loss3": {"_type": "uniform", "_value": [0, 1]},
}


SEEDS = "searchSpace: {seed: {_type: choice, _value: [1]}}\n"


def value(nni_file, name, kind, numbers, drawn):
    """What a setting gets if the sampler draws a number; with its distribution."""
    search = read_search(nni_file({name: {"_type": kind, "_value": numbers}}))
    (parameter,) = search.space.parameters
    trial = optuna.trial.FixedTrial({parameter.drawn: drawn})
    found = search.space.settings(search.space.suggest(trial))
    (range_,) = trial.distributions.values()
    return found[name], range_


@pytest.mark.parametrize(
    ("kind", "numbers", "drawn", "expected"),
    [
        ("uniform", [0.1, 0.5], 0.3, 0.3),
        ("quniform", [0.1, 0.5, 0.2], 0.29, 0.2),  # 1.45 is 1 time 0.2
        ("quniform", [0.1, 0.5, 0.2], 0.11, 0.2),  # 0.55 is 1
        ("quniform", [0.15, 0.5, 0.2], 0.19, 0.2),
        ("quniform", [0.1, 0.5, 0.3], 0.46, 0.5),  # 1.53 is 2 times 0.3, beyond the upper bound
        ("quniform", [0.25, 0.7, 0.5], 0.25, 0.25),  # 0.5 rounds to the even 0, below the lower
        ("loguniform", [0.01, 0.5], 0.02, 0.02),
        ("qloguniform", [0.01, 0.5, 0.05], 0.12, 0.1),  # 2.4 is 2 times 0.05
        ("normal", [0.3, 0.1], 0.5, 0.3),
        ("normal", [0.3, 0.1], 0.8413447460685429, 0.4),  # the quantile of one deviation
        ("qnormal", [0.3, 0.1, 0.25], 0.8413447460685429, 0.5),  # 0.4 is 1.6 times 0.25
        ("lognormal", [-1.0, 0.5], 0.5, math.exp(-1)),
        ("lognormal", [-1.0, 0.5], 0.8413447460685429, math.exp(-0.5)),
        ("qlognormal", [-1.0, 0.5, 0.25], 0.5, 0.25),  # 0.368 is 1.47 times 0.25
    ],
)
def test_numbers_are_as_nni_draws_them(nni_file, kind, numbers, drawn, expected):
    found, range_ = value(nni_file, "dropout", kind, numbers, drawn)
    assert found == pytest.approx(expected, abs=1e-9)
    if kind.endswith("normal"):
        assert (range_.low, range_.high) == (1e-6, 1 - 1e-6)
    else:
        assert (range_.low, range_.high, range_.log) == (*numbers[:2], "log" in kind)


def test_randint_leaves_out_its_upper_bound(nni_file):
    found, range_ = value(nni_file, "seed", "randint", [2, 5], 4)
    assert found == 4
    assert type(found) is int
    assert (range_.low, range_.high) == (2, 4)


def test_whole_multiples_serve_whole_settings(nni_file):
    found, _ = value(nni_file, "batch_size", "quniform", [16, 64, 16], 41.0)
    assert found == 48
    assert type(found) is int
    with pytest.raises(UsageError, match="'batch_size' is an integer"):
        value(nni_file, "batch_size", "uniform", [16, 64], 41.0)


def test_a_grid_of_multiples(nni_file):
    space = {"dropout": {"_type": "quniform", "_value": [0, 0.5, 0.2]}}
    search = read_search(nni_file(space, "tuner: {name: GridSearch}\n"))
    assert search.settings.sampler == "grid"
    assert [p["dropout"] for p in search.space.grid(9)] == [0.0, 0.2, 0.4]


def test_nested_choices_become_conditions(nni_file):
    decay = {"_type": "uniform", "_value": [0, 0.1]}
    space = {
        "optimizer": {
            "_type": "choice",
            "_value": [{"_name": "adamw", "weight_decay": decay}, {"_name": "adam"}],
        },
        "noise": {
            "_type": "choice",
            "_value": ["none", {"_name": "mask", "mask_rate": decay | {"_value": [0.1, 0.5]}}],
        },
    }
    search = read_search(nni_file(space))

    def draw(**values):
        return search.space.settings(search.space.suggest(optuna.trial.FixedTrial(values)))

    assert draw(optimizer="adam", noise="none") == {"optimizer": "adam"}
    both = {"optimizer=adamw/weight_decay": 0.05, "noise=mask/mask_rate": 0.2}
    assert draw(optimizer="adamw", noise="mask", **both) == {
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "mask_rate": 0.2,
    }


def test_the_published_search_is_understood(nni_file):
    search = read_search(
        nni_file(
            PUBLISHED,
            "experimentName: VQRNA\ntrialConcurrency: 2\nmaxExecDuration: 24h\nmaxTrialNum: 100\n"
            "trainingServicePlatform: local\nuseAnnotation: false\n"
            "tuner:\n  builtinTunerName: TPE\n  classArgs: {optimize_mode: maximize}\n"
            "trial: {command: python3 main.py, codeDir: ., gpuNum: 0}\n",
        )
    )
    assert [p.setting for p in search.space.parameters] == [
        "learning_rate", "batch_size", "seed", "classification_weight", "quantization_weight",
        "reconstruction_weight",
    ]  # fmt: skip
    settings = search.settings
    assert (settings.trials, settings.jobs, settings.hours) == (100, 2, 24)
    assert (settings.sampler, settings.pruner, settings.name) == ("tpe", "none", "VQRNA")
    assert search.base.model.architecture == "paper"
    assert settings.metric == "accuracy"
    assert search.modifications == ("Um",)
    told = "\n".join(search.notes)
    assert "lr is learning_rate, loss1 is classification_weight" in told
    assert "data_index 4 is Um" in told
    assert "not executed: 'python3 main.py'" in told
    assert "ignored" not in told


def test_version_2_and_what_yaml_takes_for_words(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(
        "searchSpace:\n"
        "  learning_rate: {_type: loguniform, _value: [1e-4, 1e-2]}\n"
        "  seed: {_type: choice, _value: [0, 1]}\n"
        "trialCommand: rm -rf everything\nmaxTrialNumber: 7\nmaxExperimentDuration: 1h 30m\n"
        "tuner: {name: Random, classArgs: {seed: 5}}\n"
        "assessor: {name: Medianstop, classArgs: {start_step: 3}}\n"
        "trainingService: {platform: local}\n"
    )
    search = read_search(path)
    rate = search.space.parameters[0]
    assert (rate.low, rate.high, rate.log) == (1e-4, 1e-2, True)
    settings = search.settings
    assert (settings.sampler, settings.seed, settings.trials) == ("random", 5, 7)
    assert (settings.pruner, settings.warmup, settings.hours) == ("median", 3, 1.5)
    assert search.base.model.architecture == "vqrna"  # no published name in it


def test_what_cannot_be_honoured_is_named_in_one_line(nni_file):
    search = read_search(
        nni_file(
            {"seed": PUBLISHED["seed"]},
            "tuner: {name: SMAC, classArgs: {config_dedup: true}}\n"
            "assessor: {name: Curvefitting}\n"
            "trainingServicePlatform: remote\nmachineList: [{ip: 10.0.0.1}]\n",
        )
    )
    (line,) = [note for note in search.notes if note.startswith("ignored")]
    for word in ("tuner 'SMAC'", "config_dedup", "'Curvefitting'", "'remote'", "machineList"):
        assert word in line
    assert search.settings.sampler == "tpe"


@pytest.mark.parametrize(
    ("lines", "sampler", "pruner", "metric"),
    [
        ("tuner: {name: Evolution, classArgs: {population_size: 7}}", "evolution", "none", "auroc"),
        ("tuner: {builtinTunerName: Random}", "random", "none", "auroc"),
        ("tuner: {name: TPE, classArgs: {optimize_mode: minimize}}", "tpe", "none", "loss"),
        ("advisor: {builtinAdvisorName: Hyperband}", "random", "hyperband", "auroc"),
        ("advisor: {name: BOHB}", "tpe", "hyperband", "auroc"),
    ],
)
def test_tuners(nni_file, lines, sampler, pruner, metric):
    search = read_search(nni_file({"seed": PUBLISHED["seed"]}, lines + "\n"))
    settings = search.settings
    assert (settings.sampler, settings.pruner, settings.metric) == (sampler, pruner, metric)
    if sampler == "evolution":
        assert settings.population == 7


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"nothing": {"_type": "choice", "_value": [1]}}, "unknown setting 'nothing'"),
        ({"seed": [0, 1]}, "'seed' has no _type"),
        ({"seed": {"_type": "choise", "_value": [1]}}, "unknown _type 'choise'"),
        ({"seed": {"_type": "choice", "_value": []}}, "_value must be a list"),
        ({"dropout": {"_type": "uniform", "_value": [0]}}, "uniform takes 2 numbers"),
        ({"dropout": {"_type": "uniform", "_value": [0, "a"]}}, "uniform takes 2 numbers"),
        ({"dropout": {"_type": "quniform", "_value": [0, 1, 0]}}, "needs a q above 0"),
        ({"dropout": {"_type": "loguniform", "_value": [0, 1]}}, "needs bounds above 0"),
        ({"dropout": {"_type": "normal", "_value": [0, 0]}}, "a deviation above 0"),
        ({"data_index": {"_type": "choice", "_value": [1, 4]}}, "one modification"),
        ({"data_index": {"_type": "choice", "_value": [99]}}, "one modification"),
        ([], "invalid search space"),
        ({"seed": {"_type": ["choice"], "_value": [1]}}, "unknown _type"),
        ({"dropout": {"_type": "uniform", "_value": [0, math.inf]}}, "finite numbers"),
        ({"data_index": {"_type": "choice", "_value": [{"_name": "1"}]}}, "one modification"),
        ({"a": {"_type": "choice", "_value": [{"_name": "x"}, {"_name": "x"}]}}, "same _name"),
        ({"dropout": {"_type": "lognormal", "_value": [900, 9]}}, "values are out of range"),
        ({"dropout": {"_type": "quniform", "_value": [0, 1e300, 1e-300]}}, "out of range"),
    ],
)
def test_a_wrong_space_is_told(nni_file, space, told):
    with pytest.raises((DataError, UsageError), match=told):
        read_search(nni_file(space))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "line 1.*not valid YAML|not valid YAML"),
        ("just words", "not an NNI configuration"),
        ("a: 1", "no search space"),
        ("searchSpacePath: none.json", r"none\.json: no such file"),
        (SEEDS + "maxExecDuration: soon", "invalid time"),
        ("searchSpace: {5: {_type: choice, _value: [1]}}", "name of a setting: '5'"),
        (SEEDS + "maxExecDuration: 99999999999d", "invalid time '99999999999d'"),
        (SEEDS + "maxExecDuration: 999999999d", "hours: must be at most 878400"),
        (SEEDS + f"maxExecDuration: '{'1' * 50_000}'", "invalid time"),
        (SEEDS + "maxTrialNumber: 99999999999", "trials: must be at most 1000000"),
        (SEEDS + "experimentName: [a, b]", "experimentName must be a text"),
        (SEEDS + "trialCommand: {a: b}", "trialCommand must be a text"),
        (SEEDS + "trainingService: {platform: [a]}", "platform must be a text"),
        (
            SEEDS + "tuner: {name: TPE, classArgs: {seed: 4294967296}}",
            "seed: .*less than 4294967296",
        ),
        ("searchSpace: !!python/object/apply:os.system ['touch hacked']", "not valid YAML"),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path, monkeypatch, text, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text + "\n")
    with pytest.raises(DataError, match=told):
        read_search(tmp_path / "config.yaml")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("maxTrialNum: 0", "trials: must be 1 or more"),
        ("tuner: TPE", "tuner must be a table"),
        ("tuner: {name: TPE, classArgs: {optimize_mode: bigger}}", "maximize or minimize"),
    ],
)
def test_what_is_wrong_in_the_configuration_is_not_blamed_on_the_space(nni_file, lines, told):
    with pytest.raises(DataError, match=rf"config\.yaml: .*{told}"):
        read_search(nni_file({"seed": PUBLISHED["seed"]}, lines + "\n"))


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ("trial: python train.py\n", "'python train.py'"),
        ("trainingService: remote\n", "platform 'remote'"),
        ("trainingService: [{platform: remote}, {platform: local}]\n", "platform 'remote' "),
        ("7: x\n", "ignored: 7"),
        ("trialConcurrency: 1\n", "no maxTrialNumber: 40 trials"),
    ],
)
def test_other_forms_of_a_line_are_not_passed_over(nni_file, lines, note):
    (found,) = [
        word
        for word in read_search(nni_file({"seed": PUBLISHED["seed"]}, lines)).notes
        if note in word
    ]
    assert "local'" not in found


def test_a_mode_in_capitals_is_the_same_mode(nni_file):
    lines = "tuner: {name: TPE, classArgs: {optimize_mode: Minimize}}\n"
    assert read_search(nni_file({"seed": PUBLISHED["seed"]}, lines)).settings.metric == "loss"


def test_a_space_with_a_byte_order_mark_is_read(nni_file, tmp_path):
    path = nni_file({})
    space = tmp_path / "space" / "search_space.json"
    space.write_text(json.dumps({"seed": PUBLISHED["seed"]}), encoding="utf-8-sig")
    assert read_search(path).space.parameters[0].choices == (0, 1, 2, 3, 4)
    space.write_text("[" * 100_000)
    with pytest.raises(DataError, match="not valid JSON"):
        read_search(path)


def test_a_broken_space_names_file_and_line(nni_file, tmp_path):
    path = nni_file({})
    (tmp_path / "space" / "search_space.json").write_text('{\n"seed": }')
    with pytest.raises(DataError, match=r"search_space\.json, line 2: not valid JSON"):
        read_search(path)
