"""What a model is and how it is trained: frozen, validated, read from and written to TOML."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from vqrna.errors import DataError, UsageError

Preset = Literal["vqrna", "paper"]
PRESETS: tuple[str, ...] = get_args(Preset)

MIN_LENGTH, MAX_LENGTH = 51, 1001
PAPER_LENGTHS = (51, 101, 201, 301, 401, 501, 701, 901, 1001)

_strict = ConfigDict(extra="forbid")
_adapter = cache(TypeAdapter)  # to make one takes longer than to validate


@dataclass(frozen=True, config=_strict)
class ModelConfig:
    """The network.

    Parameters
    ----------
    architecture : {"vqrna", "paper"}
        Ours (valid convolutions, can be evaluated densely) or the published one.
    length : int
        Window length in nt; odd, 51 to 1001; one of nine for ``paper``.
    codebook_size, code_dim : int
        Number of codes and their width.
    quantizer : str
        Name of an entry of `vqrna.nn.quantizer.QUANTIZERS`, where it is checked: ``vq`` (the
        architecture's own), or ``none`` for latents as they are, to measure what codes cost.
    stem_width, width : int
        Channels of the first convolution and of all later ones (``vqrna`` only).
    head_width, region_width : int
        Hidden units of the classifier's two parts, that of the site and that of the region
        (``vqrna`` only; the paper's has 32).
    dropout : float
        In the classifier (``vqrna``) or in the Transformer layers (``paper``).
    region_dropout : float
        On what the region part reads (``vqrna`` only).
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
            raise ValueError(f"length must be odd, so that the site is central, not {self.length}")
        if self.architecture == "paper" and self.length not in PAPER_LENGTHS:
            raise ValueError(f"the paper preset knows the lengths {PAPER_LENGTHS}")
        return self


RENAMED = {"rivals": "decoys", "weak_share": "unlabelled_share"}
"""Training settings by the name that they had before version 0.2; still read, and still used to
compute identities, so that kept results stay valid."""


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Rename keys; the new value wins over one that is already there under the new name."""
    values = dict(values)
    for old, new in names.items():
        if old in values:
            values[new] = values.pop(old)
    return values


@dataclass(frozen=True, config=_strict)
class TrainingConfig:
    """The training.

    Parameters
    ----------
    epochs, patience : int
        At most so many epochs; stop after `patience` without a better validation score.
    batch_size : int
        Windows a step, at least two (statistics over a batch need them).
    optimizer : {"adamw", "adam"}
        AdamW leaves biases and normalisation without weight decay.
    learning_rate, weight_decay : float
        `learning_rate` is the peak of a one-cycle schedule or the constant rate.
    schedule : {"one-cycle", "constant"}
        One-cycle needs the number of epochs, so it is rarely stopped early.
    classification_weight, quantization_weight, reconstruction_weight : float
        Weights of the three loss terms; reconstruction is a cross-entropy over the bases
        (``vqrna``) or a squared error (``paper``).
    label_smoothing : float
        Share of a label's certainty that is taken away.
    substitution_rate : float
        Share of bases outside the central 11 nt that are drawn anew in training.
    mask_rate : float
        Share of windows in training of which one or both flanks are hidden (all-zero columns).
    mask_min_flank : int
        A hidden flank leaves at least so many nt beside the site.
    off_site_weight : float
        Weight of the loss on same-base positions beside modified sites, as weak negatives; 0
        leaves them out (``vqrna`` only).
    shuffled_weight : float
        Weight of the loss on windows with their dinucleotides shuffled, as weak negatives; 0
        leaves them out (``vqrna`` only).
    unlabelled_share : float
        Weak negatives of either kind that join a batch, as a share of its windows.
    ranking_weight : float
        Weight of the loss on the rank of each modified site among other positions of its window, as
        the site part of the classifier sees them; 0 leaves it out (``vqrna`` only).
    decoys : int
        Unannotated positions with the type's base and context that a site is ranked among, at most;
        windows shorter than 143 nt have none.
    other_type_weight : float
        Weight of random negatives of one type as negatives of the other types that their base and
        context fit; 0 leaves them out.
    teacher : {"none", "trees"}
        Who else judges the training windows: gradient-boosted trees, grown out of fold by the
        training windows themselves (see :mod:`vqrna.training.teacher`).
    teacher_share : float
        Share of the loss on labels that the teacher's teacher_logits have in their place.
    average_decay : float
        Decay a step of the moving average of the weights that is validated and kept; 0 for none.
    select_by : {"auroc", "accuracy"}
        Validation score (mean over modifications) that decides which epoch is kept.
    precision : {"float32", "bfloat16"}
        Arithmetic of the network in training. Weights and codes are always float32.
    seed : int
        Of every random choice.
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
    off_site_weight: float = Field(default=0.0, ge=0)
    shuffled_weight: float = Field(default=0.05, ge=0)
    unlabelled_share: float = Field(default=0.03125, gt=0, le=1)
    ranking_weight: float = Field(default=0.3, ge=0)
    decoys: int = Field(default=15, ge=1)
    other_type_weight: float = Field(default=0.5, ge=0)
    teacher: Literal["none", "trees"] = "none"
    teacher_share: float = Field(default=0.67, ge=0, le=1)
    average_decay: float = Field(default=0.999, ge=0, lt=1)
    select_by: Literal["auroc", "accuracy"] = "auroc"
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    seed: int = Field(default=0, ge=0, lt=2**31)  # what libraries take

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: Any) -> Any:
        if isinstance(values, ArgsKwargs):
            return ArgsKwargs(values.args, _renamed(values.kwargs or {}, RENAMED))
        return _renamed(values, RENAMED) if isinstance(values, dict) else values


@dataclass(frozen=True, config=_strict)
class Config:
    """A model and its training, as ``config.toml`` holds them."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


PAPER_LOSS_WEIGHTS = (0.05819746775986198, 0.04187829891956044, 0.6804473004341116)
"""Classification, quantisation, reconstruction: the published numbers, found by its search."""


def preset(name: str) -> Config:
    """Give the configuration of a preset: ``vqrna`` (ours) or ``paper`` (as published)."""
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
    """Change named fields of the model or the training; None leaves a field as it is.

    Raises
    ------
    UsageError
        If a field is unknown or a value impossible.
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
    """Give plain nested dictionaries, as TOML and JSON want them."""
    return dataclasses.asdict(config)


def effective(config: Config) -> dict[str, dict[str, Any]]:
    """Give what results follow from: plain dictionaries without settings that have no effect.

    What was made before there were teachers keeps its name.
    """
    values = to_dict(config)
    if config.training.teacher == "none":
        del values["training"]["teacher"], values["training"]["teacher_share"]
    first_names = {new: old for old, new in RENAMED.items()}
    values["training"] = {first_names.get(k, k): v for k, v in values["training"].items()}
    return values


def from_dict(values: dict[str, Any]) -> Config:
    """Build a configuration; raises ValueError with one line that names the wrong field."""
    return validated(Config, values)


def validated(kind: Any, value: Any, *, strict: bool = False) -> Any:
    """Give a plain value as a type, all within it checked.

    Parameters
    ----------
    kind : type
        Of frozen dataclasses and plain types, such as ``Config`` or ``tuple[Modification, ...]``.
    value : Any
        As JSON or TOML hold it.
    strict : bool
        Whether ``"7"`` is no number.

    Raises
    ------
    ValueError
        With one line that names the wrong place, if it is of another type.
    """
    try:
        return _adapter(kind).validate_python(value, strict=strict)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            said = "unknown setting"
        raise ValueError(f"{where}: {said}" if where else said) from None


def load(path: Path, base: Config | None = None) -> Config:
    """Read a TOML file with tables ``[model]`` and ``[training]``.

    Parameters
    ----------
    path : pathlib.Path
    base : Config, optional
        Gives what the file does not hold; the ``vqrna`` preset if not given.

    Raises
    ------
    DataError
        If the file is missing, no TOML, or holds an unknown or impossible setting.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise DataError(reason, file=path) from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not valid TOML: {error}", file=path) from None
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
    """Write a configuration as TOML."""
    import tomli_w

    return tomli_w.dumps(to_dict(config))
