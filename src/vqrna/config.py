"""Settings of a model and its training: frozen, validated, read from and written to TOML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from vqrna.documents import read_toml
from vqrna.errors import DataError, UsageError

Preset = Literal["vqrna", "paper"]
PRESETS: tuple[str, ...] = get_args(Preset)

MIN_LENGTH, MAX_LENGTH = 51, 1001
PAPER_LENGTHS = (51, 101, 201, 301, 401, 501, 701, 901, 1001)

_strict = ConfigDict(extra="forbid", allow_inf_nan=False)
_adapter = cache(TypeAdapter)  # creating one takes longer than validating


@dataclass(frozen=True, config=_strict)
class ModelConfig:
    """Settings of the network.

    Parameters
    ----------
    architecture : {"vqrna", "paper"}
        This package's network (valid convolutions, evaluated densely) or the published one.
    length : int
        Window length in nt: odd, from 51 to 1001; one of nine lengths for ``paper``.
    codebook_size, code_dim : int
        Number of codes and their dimension.
    quantizer : str
        Name of an entry of `vqrna.nn.quantizer.QUANTIZERS`, where it is checked: ``vq`` (the
        architecture's own), or ``none`` for latents without quantisation, to measure its cost.
    stem_width, width : int
        Channels of the first convolution and of all later ones (``vqrna`` only).
    head_width, region_width : int
        Hidden units of the site part and the region part of the classifier (``vqrna`` only; the
        paper's has 32).
    dropout : float
        Dropout in the classifier (``vqrna``) or in the Transformer layers (``paper``).
    region_dropout : float
        Dropout on the input of the region part (``vqrna`` only).
    """

    architecture: Preset = "vqrna"
    length: int = Field(default=501, ge=MIN_LENGTH, le=MAX_LENGTH)
    codebook_size: int = Field(default=512, ge=2, le=65536)
    code_dim: int = Field(default=64, ge=1, le=1024)
    quantizer: str = "vq"
    stem_width: int = Field(default=96, ge=1)
    width: int = Field(default=128, ge=1)
    head_width: int = Field(default=256, ge=1)
    region_width: int = Field(default=128, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    region_dropout: float = Field(default=0.3, ge=0, lt=1)

    @model_validator(mode="after")
    def _length_fits(self) -> ModelConfig:
        if self.length % 2 == 0:
            raise ValueError(f"length must be odd so that the site is central, not {self.length}")
        if self.architecture == "paper" and self.length not in PAPER_LENGTHS:
            raise ValueError(f"length must be one of {PAPER_LENGTHS} for the paper's network")
        return self


RENAMED = {"rivals": "decoys", "weak_share": "unlabelled_share"}
"""New names of training settings by their names in development versions before 1.0.

Old names are still read, in the weights, configurations and kept results of this repository;
identities still use them.
"""


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Rename keys; a value under an old name replaces one under the new name."""
    values = dict(values)
    for old, new in names.items():
        if old in values:
            values[new] = values.pop(old)
    return values


@dataclass(frozen=True, config=_strict)
class TrainingConfig:
    """Settings of the training.

    Parameters
    ----------
    epochs, patience : int
        Most epochs, and epochs without a better validation score after which training stops.
    batch_size : int
        Windows per step, at least two (for batch statistics).
    optimizer : {"adamw", "adam"}
        AdamW applies no weight decay to biases and normalisation.
    learning_rate, weight_decay : float
        `learning_rate` is the peak of a one-cycle schedule or the constant rate.
    schedule : {"one-cycle", "constant"}
        One-cycle spans all epochs, so `patience` rarely ends it early.
    classification_weight, quantization_weight, reconstruction_weight : float
        Weights of the three main loss terms; reconstruction is a cross-entropy over the bases
        (``vqrna``) or a squared error (``paper``).
    label_smoothing : float
        Targets are half of this away from 0 and 1.
    substitution_rate : float
        Share of bases outside the central 11 nt that are redrawn at random.
    mask_rate : float
        Share of training windows with one or both flanks hidden (all-zero columns).
    mask_min_flank : int
        Fewest nt on each side of the site that are never hidden.
    study_mask_rate : float
        Share of the main windows cut to the length of a random window of a study, if there are
        studies, so that length does not separate the sources.
    off_site_weight : float
        Weight of the loss on unlabelled negatives near modified sites, at positions with the
        same base; 0 for none (``vqrna`` only).
    shuffled_weight : float
        Weight of the loss on unlabelled negatives in shuffled windows, which keep their
        dinucleotides; 0 for none (``vqrna`` only).
    unlabelled_share : float
        Unlabelled negatives of each of the two sorts in a batch, as a share of its windows.
    ranking_weight : float
        Weight of the loss on the rank of each modified site among its decoys, by the site part of
        the classifier; 0 for none (``vqrna`` only).
    decoys : int
        Most decoys of a site: unannotated positions of its window with the type's base and
        context. Windows shorter than 143 nt have none.
    other_type_weight : float
        Weight of random negatives of one type as negatives of other types with a matching base and
        context; 0 for none.
    teacher : {"none", "trees"}
        Gradient-boosted trees that score the training windows out of fold, as additional targets
        (see :mod:`vqrna.training.teacher`).
    teacher_share : float
        Share of the classification loss that uses the teacher's scores in place of labels.
    head_only : bool
        Train the head alone, from given weights: the codes and all that is computed from them up
        to the features of the head stay the same.
    average_decay : float
        Decay per step of the moving average of the weights that is validated and kept; 0 for no
        average.
    select_by : {"auroc", "accuracy"}
        Validation score (mean over modifications) by which the best epoch is chosen. Among epochs
        of equal AUROC the one of the lowest validation loss is kept, of equal accuracy the first.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network in training; ``auto`` is bfloat16 where the device computes it
        faster than float32. Weights and codes are always float32.
    seed : int
        Seed of all random choices.
    """

    epochs: int = Field(default=5, ge=1)
    patience: int = Field(default=30, ge=1)
    batch_size: int = Field(default=64, ge=2)
    optimizer: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = Field(default=1.5e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    classification_weight: float = Field(default=1.0, ge=0)
    quantization_weight: float = Field(default=0.25, ge=0)
    reconstruction_weight: float = Field(default=0.05, ge=0)
    label_smoothing: float = Field(default=0.05, ge=0, lt=1)
    substitution_rate: float = Field(default=0.04, ge=0, le=1)
    mask_rate: float = Field(default=0.25, ge=0, le=1)
    mask_min_flank: int = Field(default=25, ge=0)
    study_mask_rate: float = Field(default=0.1, ge=0, le=1)
    off_site_weight: float = Field(default=0.0, ge=0)
    shuffled_weight: float = Field(default=0.05, ge=0)
    unlabelled_share: float = Field(default=0.03125, gt=0, le=1)
    ranking_weight: float = Field(default=0.3, ge=0)
    decoys: int = Field(default=15, ge=1)
    other_type_weight: float = Field(default=0.5, ge=0)
    teacher: Literal["none", "trees"] = "none"
    teacher_share: float = Field(default=0.67, ge=0, le=1)
    head_only: bool = False
    average_decay: float = Field(default=0.999, ge=0, lt=1)
    select_by: Literal["auroc", "accuracy"] = "auroc"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**31)  # the range that all libraries accept

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: Any) -> Any:
        if isinstance(values, ArgsKwargs):
            return ArgsKwargs(values.args, _renamed(values.kwargs or {}, RENAMED))
        return _renamed(values, RENAMED) if isinstance(values, dict) else values


@dataclass(frozen=True, config=_strict)
class Config:
    """Settings of a model and its training, the content of ``config.toml``."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


PAPER_LOSS_WEIGHTS = (0.05819746775986198, 0.04187829891956044, 0.6804473004341116)
"""Published weights of classification, quantisation and reconstruction."""


def preset(name: str) -> Config:
    """Return the configuration of a preset: ``vqrna``, or ``paper`` as published."""
    if name == "vqrna":
        return Config()
    if name == "paper":
        classification, quantization, reconstruction = PAPER_LOSS_WEIGHTS
        return Config(
            ModelConfig(architecture="paper"),
            TrainingConfig(
                epochs=300,
                patience=30,
                batch_size=32,
                optimizer="adam",
                learning_rate=1e-3,
                weight_decay=0.0,
                schedule="constant",
                classification_weight=classification,
                quantization_weight=quantization,
                reconstruction_weight=reconstruction,
                label_smoothing=0.0,
                substitution_rate=0.0,
                mask_rate=0.0,
                shuffled_weight=0.0,
                ranking_weight=0.0,
                other_type_weight=0.0,
                average_decay=0.0,
                select_by="accuracy",
                precision="float32",
                seed=2,
            ),
        )
    raise UsageError(f"unknown preset '{name}' (known: {', '.join(PRESETS)})")


def replace(config: Config, **changes: Any) -> Config:
    """Return a copy with changed fields; None keeps a field.

    Raises UsageError if a field is unknown or a value invalid.
    """
    values = to_dict(config)
    for name, value in changes.items():
        if value is None:
            continue
        name = RENAMED.get(name, name)
        part = next((p for p in values if name in values[p]), None)
        if part is None:
            raise UsageError(f"unknown setting '{name}'")
        values[part][name] = value
    try:
        return from_dict(values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """Return nested dictionaries of plain values."""
    return dataclasses.asdict(config)


def effective(config: Config) -> dict[str, dict[str, Any]]:
    """Return the settings that determine results, for hashes that identify a run.

    Settings of an unused teacher are left out and old names are used, so that identities from
    development versions before 1.0, which the kept results of this repository have, do not change.
    """
    values = to_dict(config)
    if not config.training.head_only:
        del values["training"]["head_only"]
    if config.training.teacher == "none":
        del values["training"]["teacher"], values["training"]["teacher_share"]
    del values["training"]["study_mask_rate"]  # part of the identity of runs with studies only
    first_names = {new: old for old, new in RENAMED.items()}
    values["training"] = {first_names.get(k, k): v for k, v in values["training"].items()}
    return values


def from_dict(values: dict[str, Any]) -> Config:
    """Build a configuration; raises ValueError with one line that names the invalid field."""
    return validated(Config, values)


def validated(target: Any, value: Any, *, strict: bool = False) -> Any:
    """Convert a plain value from JSON or TOML to a type, with all its parts checked.

    Raises ValueError: with one line that names the first invalid part.

    Parameters
    ----------
    target : type
        For example ``Config`` or ``tuple[Modification, ...]``.
    strict : bool
        Reject strings in place of numbers.
    """
    try:
        return _adapter(target).validate_python(value, strict=strict)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = plain_reason(first)
        raise ValueError(f"{where}: {message}" if where else message) from None


_LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
}
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table of names and values",
    "dataclass": "a table of names and values",
}
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "unknown setting",
    "unexpected_keyword_argument": "unknown setting",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a number with fewer digits",
    "finite_number": "must be a finite number",
}


def plain_reason(error: Mapping[str, Any]) -> str:
    """Return why a value is invalid, to follow its name.

    Parameters
    ----------
    error : mapping
        One of those that ``ValidationError.errors()`` returns.
    """
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in _REASONS:
        return _REASONS[kind]
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        limit = context[name]
        return "must be " + words.format(f"{limit:.12g}" if isinstance(limit, float) else limit)
    if kind == "literal_error":
        return f"must be {context['expected']}"
    name, _, failure = kind.rpartition("_")
    if failure in ("parsing", "type") and name in _EXPECTED:
        return f"must be {_EXPECTED[name]}"
    return str(error["msg"]).removeprefix("Value error, ")


def load(path: Path, base: Config | None = None) -> Config:
    """Read a TOML file with tables ``[model]`` and ``[training]``.

    Raises DataError if the file is missing or not valid TOML, or a setting is unknown or invalid.

    Parameters
    ----------
    base : Config, optional
        Values that the file does not set; the ``vqrna`` preset by default.
    """
    given = read_toml(Path(path))
    values: dict[str, Any] = to_dict(base or Config())
    for part, settings in given.items():
        if isinstance(settings, dict) and part in values:
            values[part] |= settings
        else:
            raise DataError(f"unknown table or setting '{part}'", file=path)
    try:
        return from_dict(values)
    except ValueError as error:
        raise DataError(str(error), file=path) from None


def dump(config: Config) -> str:
    """Return a configuration as TOML."""
    import tomli_w

    return tomli_w.dumps(to_dict(config))
