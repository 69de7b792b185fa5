"""Read the `config.yaml` of an NNI experiment; what cannot be honoured is named.

Read NNI's search space: its ten distributions, nested choices, and the published names.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS
from vqrna.studies.search_config import Search, Settings
from vqrna.studies.search_space import FIELDS, Parameter, Space
from vqrna.studies.search_toml import with_metric

PUBLISHED = {
    "lr": "learning_rate",
    "loss1": "classification_weight",
    "loss2": "quantization_weight",
    "loss3": "reconstruction_weight",
}
"""Names of the published search that we call otherwise."""

DATA_INDEX = "data_index"
"""The published number of a modification: no setting, but which windows are read."""

_BARE_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""What YAML 1.1 takes for a word, such as ``1e-3``."""

_COUNTS = {
    "randint": 2, "uniform": 2, "quniform": 3, "loguniform": 2, "qloguniform": 3,
    "normal": 2, "qnormal": 3, "lognormal": 2, "qlognormal": 3,
}  # fmt: skip
"""How many numbers a distribution takes."""


def read_space(space: Any) -> tuple[Space, list[Any] | None, list[str]]:
    """Read a search space.

    Parameters
    ----------
    space : object
        As JSON or YAML gave it: ``{"name": {"_type": "uniform", "_value": [0, 1]}}``.

    Returns
    -------
    space : Space
    data_index : list or None
        The published numbers of modifications, if there are any.
    renamed : list of str
        Published names that became ours, such as ``lr is learning_rate``.

    Raises
    ------
    UsageError
        If it is no such space, or a name is unknown.
    """
    if not isinstance(space, dict):
        raise UsageError("the search space is no table of names")
    rest = dict(space)
    index = None
    if DATA_INDEX in rest:
        told = rest.pop(DATA_INDEX)
        index = _values(DATA_INDEX, told) if isinstance(told, dict) else None
        if not index or told.get("_type") != "choice":
            raise UsageError(f"'{DATA_INDEX}' has to be a choice of numbers of modifications")
    renamed: list[str] = []
    return Space(tuple(_level(rest, "", (), renamed))), index, renamed


def number(value: Any) -> Any:
    """Give a number for what YAML 1.1 took for a word; all else as it is."""
    if isinstance(value, str) and _BARE_EXPONENT.fullmatch(value):
        return float(value)
    return value


def _level(
    space: dict[str, Any],
    prefix: str,
    when: tuple[tuple[str, tuple[Any, ...]], ...],
    renamed: list[str],
) -> list[Parameter]:
    """Read one level; what depends on a choice stands behind it."""
    found = []
    for name, told in space.items():
        if name == "_name":
            continue
        if not isinstance(name, str):
            raise UsageError(f"'{name}' is no name of a setting")
        if not isinstance(told, dict) or "_type" not in told:
            raise UsageError(f"'{name}' has no _type and _value")
        values = _values(name, told)
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
        if told["_type"] != "choice":
            found.append(_number(label, setting, told["_type"], values, when))
            continue
        names = tuple(value["_name"] if isinstance(value, dict) else value for value in values)
        found.append(Parameter(label, setting, "choice", names, when=when))
        for value in values:
            if isinstance(value, dict):
                branch = value["_name"]
                below = (*when, (label, (branch,)))
                found += _level(value, f"{label}={branch}/", below, renamed)
    return found


def _values(name: str, told: dict[str, Any]) -> list[Any]:
    """Take ``_value``, checked."""
    values, kind = told.get("_value"), told.get("_type")
    if not isinstance(values, list) or not values:
        raise UsageError(f"'{name}': _value is no list of values")
    values = [number(value) for value in values]
    if kind == "choice":
        for value in values:
            if isinstance(value, dict) and not isinstance(value.get("_name"), str):
                raise UsageError(f"'{name}': a nested choice has no _name")
            if isinstance(value, list):
                raise UsageError(f"'{name}': a choice of lists is nothing that a setting can take")
        nested = [value["_name"] for value in values if isinstance(value, dict)]
        if len(set(nested)) < len(nested):
            raise UsageError(f"'{name}': two nested choices have the same _name")
        return values
    if not isinstance(kind, str) or kind not in _COUNTS:
        known = ", ".join(["choice", *_COUNTS])
        raise UsageError(f"'{name}': unknown _type '{kind}' (known: {known})")
    if len(values) != _COUNTS[kind] or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise UsageError(f"'{name}': {kind} takes {_COUNTS[kind]} numbers")
    if not all(math.isfinite(value) for value in values):
        raise UsageError(f"'{name}': {kind} takes finite numbers")
    return values


def _number(
    label: str,
    setting: str | None,
    kind: str,
    values: list[Any],
    when: tuple[tuple[str, tuple[Any, ...]], ...],
) -> Parameter:
    """Read a distribution of numbers."""
    low, high = values[:2]
    multiple = float(values[2]) if len(values) == 3 else None
    wrong: Callable[[str], UsageError] = lambda words: UsageError(f"'{label}': {kind} {words}")  # noqa: E731
    if multiple is not None and multiple <= 0:
        raise wrong("needs a q above 0")
    if kind.endswith("normal"):
        if high <= 0:
            raise wrong("needs a deviation above 0")
        log = "log" in kind
        return Parameter(label, setting, "normal", (), low, high, log, multiple=multiple, when=when)
    if low >= high or (kind == "randint" and not all(float(v).is_integer() for v in values)):
        raise wrong("needs a lower and, above it, an upper bound")
    if kind == "randint":  # numpy's: the upper bound is left out
        return Parameter(label, setting, "int", (), int(low), int(high) - 1, when=when)
    log = "log" in kind
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
    """Read an experiment of NNI, in the form of its version 2 or 3.

    Its command is not executed, here or later: a trial is a training of ours.

    Parameters
    ----------
    path : pathlib.Path
        The ``config.yaml``; the path of the search space is relative to its folder.
    preset : str or None
        Where it is None, a space with published names searches the published network.
    changes : dict
        Settings that all trials share.

    Raises
    ------
    DataError
        If a file is missing or broken.
    UsageError
        If a preset or a setting is unknown.
    """
    told = _read(path)
    if not isinstance(told, dict):
        raise DataError("is no configuration of NNI", file=path)
    space_file, raw = _space(path, told)
    try:
        space, index, renamed = read_space(raw)
        types, words = _types(index)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=space_file) from None
    published = bool(renamed) or index is not None
    base = configs.replace(configs.preset(preset or ("paper" if published else "vqrna")), **changes)
    lacking: list[str] = []
    try:
        given = _settings(told, lacking)
        base, settings = with_metric(base, space, configs.validated(Settings, given), given)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=path) from None
    notes = []
    if published and preset is None:
        notes.append("published names in the space: trials are of preset paper (--preset changes)")
    if renamed:
        notes.append("names: " + ", ".join(dict.fromkeys(renamed)))
    if words:
        notes.append(words)
    if any(parameter.setting == "seed" for parameter in space.parameters):
        notes.append("seed is searched, too: what it gains is luck")
    if given.get("metric") == "loss":
        notes.append("optimize_mode minimize: what is minimised is the validation loss")
    if "trials" not in given:
        notes.append(f"no maxTrialNumber: {settings.trials} trials (--trials changes)")
    trial = told.get("trial")
    command = told.get("trialCommand") or (
        trial.get("command") if isinstance(trial, dict) else trial
    )
    if command:
        notes.append(f"not executed: '{command}'; a trial trains a model of vqrna")
    if lacking:
        notes.append("not honoured: " + "; ".join(lacking))
    return Search(space, base, settings, types, tuple(notes))


def _read(path: Path) -> Any:
    """Read YAML, plain data only."""
    try:
        import yaml
    except ImportError:
        raise UsageError("NNI files need the extra: pip install 'vqrna[tune]'") from None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(getattr(error, "strerror", None) or "not a text file", file=path) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        words = getattr(error, "problem", None) or "cannot be read"
        line = mark.line + 1 if mark is not None else None
        raise DataError(f"not valid YAML: {words}", file=path, line=line) from None


def _space(path: Path, told: dict[str, Any]) -> tuple[Path, Any]:
    """Find the search space: in a file beside the configuration, or inside it."""
    if "searchSpace" in told:
        return path, told["searchSpace"]
    name = _first(told, _SPACE_KEYS)
    if not isinstance(name, str):
        raise DataError("names no search space (searchSpacePath)", file=path)
    file = path.parent / name
    if file.suffix.lower() in {".yaml", ".yml"}:
        return file, _read(file)
    try:
        return file, json.loads(file.read_text(encoding="utf-8-sig"))  # some editors mark it
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(getattr(error, "strerror", None) or "not a text file", file=file) from None
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg}", file=file, line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not valid JSON: {error}", file=file) from None


def _settings(told: dict[str, Any], lacking: list[str]) -> dict[str, Any]:
    """Read how to search; adds to `lacking` what cannot be honoured."""
    found: dict[str, Any] = {"pruner": "none"}  # NNI prunes only where an assessor is named
    if told.get("experimentName") not in (None, ""):
        found["name"] = str(told["experimentName"])
    trials = _first(told, _TRIALS_KEYS)
    if trials is not None:
        found["trials"] = trials
    if "trialConcurrency" in told:
        found["jobs"] = told["trialConcurrency"]
    duration = _first(told, _DURATION_KEYS)
    if duration is not None:
        found["hours"] = _hours(duration)
    tuner = told.get("tuner") or told.get("advisor") or {}
    name, arguments = _algorithm(tuner, "tuner")
    if "advisor" in told and name.lower() == "hyperband":
        found |= {"sampler": "random", "pruner": "hyperband"}
    elif "advisor" in told and name.lower() == "bohb":
        found |= {"sampler": "tpe", "pruner": "hyperband"}
    elif name.lower() in _SAMPLERS:
        found["sampler"] = _SAMPLERS[name.lower()]
    elif name:
        lacking.append(f"tuner '{name}' (TPE stands in)")
    mode = str(arguments.get("optimize_mode") or "maximize").lower()
    if mode not in {"maximize", "minimize"}:
        raise UsageError(f"optimize_mode is maximize or minimize, not '{mode}'")
    if mode == "minimize":
        found["metric"] = "loss"
    for ours, theirs in (("seed", "seed"), ("population", "population_size")):
        if arguments.get(theirs) is not None:
            found[ours] = arguments[theirs]
    lacking += [f"classArgs.{key}" for key in arguments if key not in _OWN_ARGUMENTS]
    if told.get("assessor"):
        name, arguments = _algorithm(told["assessor"], "assessor")
        if name.lower() in _PRUNERS:
            found["pruner"] = _PRUNERS[name.lower()]
            if arguments.get("start_step") is not None:
                found["warmup"] = arguments["start_step"]
        else:
            lacking.append(f"assessor '{name}' (nothing is pruned)")
    platforms = ", ".join(name for name in _platforms(told) if name.lower() != "local")
    if platforms:
        lacking.append(f"platform '{platforms}' (trials run here; --engine ray takes a cluster)")
    lacking += [str(key) for key in told if key not in _READ | _WITHOUT_EFFECT and told[key]]
    return found


def _platforms(told: dict[str, Any]) -> list[str]:
    """Name where the trials were to run: version 2 may list several."""
    service = told.get("trainingServicePlatform") or told.get("trainingService") or []
    every = service if isinstance(service, list) else [service]
    named = (one.get("platform", "local") if isinstance(one, dict) else one for one in every)
    return [str(name) for name in named]


def _algorithm(told: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Give the name of a tuner or assessor and its arguments."""
    if not isinstance(told, dict):
        raise UsageError(f"{what} is no table")
    builtin = f"builtin{what.capitalize()}Name"
    name = told.get("name") or told.get(builtin) or told.get("builtinAdvisorName")
    name = name or told.get("className") or ""
    arguments = told.get("classArgs") or {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise UsageError(f"{what} has no name, or its classArgs are no table")
    return name, arguments


def _hours(duration: Any) -> float:
    """Read ``24h``, ``1h 30m``, ``90s``, or seconds."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return duration / 3600
    text = str(duration).replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise UsageError(f"'{duration}' is no time such as 24h or 90m")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) / 3600


def _types(index: list[Any] | None) -> tuple[tuple[str, ...] | None, str]:
    """Turn published numbers into a modification."""
    if index is None:
        return None, ""
    known = {m.index: m.symbol for m in MODIFICATIONS}
    if len(index) > 1 or isinstance(index[0], dict) or index[0] not in known:
        raise UsageError(
            f"{DATA_INDEX} {index}: a search compares trials of one modification "
            f"(1 to {len(known)}); search each on its own"
        )
    symbol = known[index[0]]
    return (symbol,), f"{DATA_INDEX} {index[0]} is {symbol} (--modifications changes)"


def _first(told: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((told[key] for key in keys if told.get(key) is not None), None)
