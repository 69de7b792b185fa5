"""Read an NNI experiment: ``config.yaml`` (versions 2 and 3) and its search space.

The space may use all ten distributions of NNI, nested choices, and the names of the published
search. Settings that have no equivalent here are listed in the notes of the search.
"""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.documents import read_json, read_yaml
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS
from vqrna.studies.search_config import Search, SearchSettings
from vqrna.studies.search_space import FIELDS, Parameter, Space
from vqrna.studies.search_toml import with_metric

PUBLISHED = {
    "lr": "learning_rate",
    "loss1": "classification_weight",
    "loss2": "quantization_weight",
    "loss3": "reconstruction_weight",
}
"""Names of the published search and the settings that they mean."""

DATA_INDEX = "data_index"
"""Name of the published number of a modification, which selects the windows."""

_BARE_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers such as ``1e-3``, which YAML 1.1 reads as strings."""

_COUNTS = {
    "randint": 2, "uniform": 2, "quniform": 3, "loguniform": 2, "qloguniform": 3,
    "normal": 2, "qnormal": 3, "lognormal": 2, "qlognormal": 3,
}  # fmt: skip
"""Numbers that each distribution takes."""


def read_space(space: Any) -> tuple[Space, list[Any] | None, list[str]]:
    """Read a search space.

    Raises UsageError if the space is invalid or a name is unknown.

    Parameters
    ----------
    space : object
        Parsed JSON or YAML: ``{"name": {"_type": "uniform", "_value": [0, 1]}}``.

    Returns
    -------
    space : Space
    data_index : list or None
        The published numbers of modifications, if present.
    renamed : list of str
        Translated names, such as ``lr is learning_rate``.
    """
    if not isinstance(space, dict):
        raise UsageError("invalid search space (expected names with _type and _value)")
    rest = dict(space)
    index = None
    if DATA_INDEX in rest:
        entry = rest.pop(DATA_INDEX)
        index = _values(DATA_INDEX, entry) if isinstance(entry, dict) else None
        if not index or entry.get("_type") != "choice":
            raise UsageError(f"'{DATA_INDEX}' must be a choice of numbers of modifications")
    renamed: list[str] = []
    return Space(tuple(_level(rest, "", (), renamed))), index, renamed


def number(value: Any) -> Any:
    """Convert a number that YAML 1.1 reads as a string; return other values unchanged."""
    if isinstance(value, str) and _BARE_EXPONENT.fullmatch(value):
        return float(value)
    return value


def _level(
    space: dict[str, Any],
    prefix: str,
    when: tuple[tuple[str, tuple[Any, ...]], ...],
    renamed: list[str],
) -> list[Parameter]:
    """Read one level of the space; parameters that depend on a choice follow it."""
    parameters = []
    for name, entry in space.items():
        if name == "_name":
            continue
        if not isinstance(name, str):
            raise UsageError(f"invalid name of a setting: '{name}'")
        if not isinstance(entry, dict) or "_type" not in entry:
            raise UsageError(f"'{name}' has no _type and _value")
        values = _values(name, entry)
        nested = any(isinstance(value, dict) for value in values)
        setting: str | None = PUBLISHED.get(name, name).removeprefix("model.")
        setting = str(setting).removeprefix("training.")
        if setting not in FIELDS:
            if not nested:
                known = ", ".join([*PUBLISHED, DATA_INDEX, *FIELDS])
                raise UsageError(f"unknown setting '{name}' (known: {known})")
            setting = None
        if name in PUBLISHED:
            renamed.append(f"{name} is {setting}")
        label = prefix + (setting or name)
        if entry["_type"] != "choice":
            parameters.append(_number(label, setting, entry["_type"], values, when))
            continue
        names = tuple(value["_name"] if isinstance(value, dict) else value for value in values)
        parameters.append(Parameter(label, setting, "choice", names, when=when))
        for value in values:
            if isinstance(value, dict):
                branch = value["_name"]
                below = (*when, (label, (branch,)))
                parameters += _level(value, f"{label}={branch}/", below, renamed)
    return parameters


def _values(name: str, entry: dict[str, Any]) -> list[Any]:
    """Return the checked ``_value``."""
    values, distribution = entry.get("_value"), entry.get("_type")
    if not isinstance(values, list) or not values:
        raise UsageError(f"'{name}': _value must be a list")
    values = [number(value) for value in values]
    if distribution == "choice":
        for value in values:
            if isinstance(value, dict) and not isinstance(value.get("_name"), str):
                raise UsageError(f"'{name}': a nested choice has no _name")
            if isinstance(value, list):
                raise UsageError(f"'{name}': a choice must not contain lists")
        nested = [value["_name"] for value in values if isinstance(value, dict)]
        if len(set(nested)) < len(nested):
            raise UsageError(f"'{name}': two nested choices have the same _name")
        return values
    if not isinstance(distribution, str) or distribution not in _COUNTS:
        known = ", ".join(["choice", *_COUNTS])
        raise UsageError(f"'{name}': unknown _type '{distribution}' (known: {known})")
    if len(values) != _COUNTS[distribution] or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise UsageError(f"'{name}': {distribution} takes {_COUNTS[distribution]} numbers")
    if not all(math.isfinite(value) for value in values):
        raise UsageError(f"'{name}': {distribution} takes finite numbers")
    return values


def _number(
    label: str,
    setting: str | None,
    distribution: str,
    values: list[Any],
    when: tuple[tuple[str, tuple[Any, ...]], ...],
) -> Parameter:
    """Return the parameter of a numeric distribution."""
    low, high = values[:2]
    multiple = float(values[2]) if len(values) == 3 else None

    def wrong(words: str) -> UsageError:
        return UsageError(f"'{label}': {distribution} {words}")

    if multiple is not None and multiple <= 0:
        raise wrong("needs a q above 0")
    if distribution.endswith("normal"):
        if high <= 0:
            raise wrong("needs a deviation above 0")
        log = "log" in distribution
        return Parameter(label, setting, "normal", (), low, high, log, multiple=multiple, when=when)
    if low >= high or (
        distribution == "randint" and not all(float(v).is_integer() for v in values)
    ):
        raise wrong("needs a lower bound below an upper bound")
    if distribution == "randint":  # like numpy's, without the upper bound
        return Parameter(label, setting, "int", (), int(low), int(high) - 1, when=when)
    log = "log" in distribution
    if log and low <= 0:
        raise wrong("needs bounds above 0")
    return Parameter(
        label, setting, "float", (), float(low), float(high), log, multiple=multiple, when=when
    )


_SAMPLERS = {"tpe": "tpe", "random": "random", "gridsearch": "grid", "evolution": "evolution"}
_PRUNERS = {"medianstop": "median", "hyperband": "hyperband"}

_SPACE_KEYS = ("searchSpacePath", "searchSpaceFile")
_TRIALS_KEYS = ("maxTrialNumber", "maxTrialNum")
_DURATION_KEYS = ("maxExecDuration", "maxExperimentDuration")
_READ = {
    *_SPACE_KEYS, *_TRIALS_KEYS, *_DURATION_KEYS, "searchSpace", "trialConcurrency", "tuner",
    "assessor", "advisor", "trainingService", "trainingServicePlatform", "experimentName",
    "trialCommand", "trial",
}  # fmt: skip
_WITHOUT_EFFECT = {"authorName", "debug", "logLevel", "experimentWorkingDirectory", "logDir"}
_OWN_ARGUMENTS = {"optimize_mode", "seed", "population_size"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_nni(path: Path, preset: str | None, changes: dict[str, Any]) -> Search:
    """Read an experiment of NNI, version 2 or 3.

    Its trial command is never executed: a trial trains a model of vqrna. Without a preset, a space
    with published names searches the published network.

    Raises DataError if a file is missing or broken. Raises UsageError if a preset or a setting is
    unknown.
    """
    experiment = read_yaml(path)
    if not isinstance(experiment, dict):
        raise DataError("not an NNI configuration", file=path)
    space_file, raw = _space(path, experiment)
    try:
        space, index, renamed = read_space(raw)
        types, words = _types(index)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=space_file) from None
    published = bool(renamed) or index is not None
    base = configs.replace(configs.preset(preset or ("paper" if published else "vqrna")), **changes)
    unsupported: list[str] = []
    try:
        given = _settings(experiment, unsupported)
        base, settings = with_metric(base, space, configs.validated(SearchSettings, given), given)
        command = _command(experiment)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=path) from None
    notes = []
    if published and preset is None:
        notes.append(
            "published names in the space: trials use preset paper (override with --preset)"
        )
    if renamed:
        notes.append("names: " + ", ".join(dict.fromkeys(renamed)))
    if words:
        notes.append(words)
    if any(parameter.setting == "seed" for parameter in space.parameters):
        notes.append("seed is searched, too: gains from it are chance")
    if given.get("metric") == "loss":
        notes.append("optimize_mode minimize: the validation loss is minimised")
    if "trials" not in given:
        notes.append(f"no maxTrialNumber: {settings.trials} trials (override with --trials)")
    if command:
        shown = textwrap.shorten(command, 120)
        notes.append(f"not executed: '{shown}'; a trial trains a model of vqrna")
    if unsupported:
        notes.append("ignored: " + "; ".join(unsupported))
    return Search(space, base, settings, types, tuple(notes))


def _space(path: Path, experiment: dict[str, Any]) -> tuple[Path, Any]:
    """Return the search space and its file: the configuration or a file beside it."""
    if "searchSpace" in experiment:
        return path, experiment["searchSpace"]
    name = _first(experiment, _SPACE_KEYS)
    if not isinstance(name, str):
        raise DataError("no search space (searchSpacePath or searchSpace)", file=path)
    file = path.parent / name
    if file.suffix.lower() in {".yaml", ".yml"}:
        return file, read_yaml(file)
    return file, read_json(file)


def _settings(experiment: dict[str, Any], unsupported: list[str]) -> dict[str, Any]:
    """Return the settings of the search; append ignored entries to `unsupported`."""
    settings: dict[str, Any] = {"pruner": "none"}  # NNI prunes only where an assessor is named
    if experiment.get("experimentName") not in (None, ""):
        settings["name"] = _text(experiment["experimentName"], "experimentName")
    trials = _first(experiment, _TRIALS_KEYS)
    if trials is not None:
        settings["trials"] = trials
    if "trialConcurrency" in experiment:
        settings["jobs"] = experiment["trialConcurrency"]
    duration = _first(experiment, _DURATION_KEYS)
    if duration is not None:
        settings["hours"] = _hours(duration)
    tuner = experiment.get("tuner") or experiment.get("advisor") or {}
    name, arguments = _algorithm(tuner, "tuner")
    if "advisor" in experiment and name.lower() == "hyperband":
        settings |= {"sampler": "random", "pruner": "hyperband"}
    elif "advisor" in experiment and name.lower() == "bohb":
        settings |= {"sampler": "tpe", "pruner": "hyperband"}
    elif name.lower() in _SAMPLERS:
        settings["sampler"] = _SAMPLERS[name.lower()]
    elif name:
        unsupported.append(f"tuner '{name}' (TPE is used)")
    mode = str(arguments.get("optimize_mode") or "maximize").lower()
    if mode not in {"maximize", "minimize"}:
        raise UsageError(f"invalid optimize_mode '{mode}' (expected maximize or minimize)")
    if mode == "minimize":
        settings["metric"] = "loss"
    for ours, theirs in (("seed", "seed"), ("population", "population_size")):
        if arguments.get(theirs) is not None:
            settings[ours] = arguments[theirs]
    unsupported += [f"classArgs.{key}" for key in arguments if key not in _OWN_ARGUMENTS]
    if experiment.get("assessor"):
        name, arguments = _algorithm(experiment["assessor"], "assessor")
        if name.lower() in _PRUNERS:
            settings["pruner"] = _PRUNERS[name.lower()]
            if arguments.get("start_step") is not None:
                settings["warmup"] = arguments["start_step"]
        else:
            unsupported.append(f"assessor '{name}' (nothing is pruned)")
    platforms = ", ".join(name for name in _platforms(experiment) if name.lower() != "local")
    if platforms:
        unsupported.append(f"platform '{platforms}' (trials run here; --engine ray uses a cluster)")
    unsupported += [
        str(key) for key in experiment if key not in _READ | _WITHOUT_EFFECT and experiment[key]
    ]
    return settings


def _command(experiment: dict[str, Any]) -> str:
    """Return the command of a trial, or an empty text."""
    trial = experiment.get("trial")
    command = experiment.get("trialCommand") or (
        trial.get("command") if isinstance(trial, dict) else trial
    )
    return _text(command or "", "trialCommand")


def _platforms(experiment: dict[str, Any]) -> list[str]:
    """Return the platforms of the experiment: version 2 may list several."""
    service = experiment.get("trainingServicePlatform") or experiment.get("trainingService") or []
    every = service if isinstance(service, list) else [service]
    named = (one.get("platform", "local") if isinstance(one, dict) else one for one in every)
    return [_text(name, "platform") for name in named]


def _algorithm(entry: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments of a tuner or assessor."""
    if not isinstance(entry, dict):
        raise UsageError(f"{what} must be a table")
    builtin = f"builtin{what.capitalize()}Name"
    name = entry.get("name") or entry.get(builtin) or entry.get("builtinAdvisorName")
    name = name or entry.get("className") or ""
    arguments = entry.get("classArgs") or {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise UsageError(f"{what} needs a name, and its classArgs must be a table")
    return name, arguments


def _hours(duration: Any) -> float:
    """Convert ``24h``, ``1h 30m``, ``90s`` or seconds to hours."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return duration / 3600
    text = _text(duration, "the time").replace(" ", "")
    parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise UsageError(f"invalid time '{duration}' (expected for example 24h or 90m)")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) / 3600


def _types(index: list[Any] | None) -> tuple[tuple[str, ...] | None, str]:
    """Return the modification of a published number, and a note."""
    if index is None:
        return None, ""
    known = {m.index: m.symbol for m in MODIFICATIONS}
    if len(index) > 1 or isinstance(index[0], dict) or index[0] not in known:
        raise UsageError(
            f"{DATA_INDEX} {index}: a search compares trials of one modification "
            f"(1 to {len(known)}): run a search for each"
        )
    symbol = known[index[0]]
    return (symbol,), f"{DATA_INDEX} {index[0]} is {symbol} (override with --modifications)"


def _text(value: Any, what: str) -> str:
    """Return a single value as text."""
    if isinstance(value, list | dict):
        raise UsageError(f"{what} must be a text")
    return str(value)


def _first(experiment: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((experiment[key] for key in keys if experiment.get(key) is not None), None)
