"""What the parts of a scan are parts of, as a small file: so that shards can be joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from vqrna._version import __version__
from vqrna.errors import DataError
from vqrna.genome import GenomeSource, open_genome
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.prediction import tiles
from vqrna.prediction.output import Output, write_results
from vqrna.prediction.parts import Parts, PartStore
from vqrna.prediction.prediction import Prediction
from vqrna.prediction.scan import Tally
from vqrna.prediction.settings import Settings, make_settings
from vqrna.prediction.source import FastaSource, Source
from vqrna.runtime.files import results_directory


def key_of(source: Source, model: Model, settings: Settings, device: str) -> str:
    """Name a scan by what its result follows from.

    Returns
    -------
    str
        12 hexadecimal digits. Files are known by place, size and time of change.
    """
    seen: list[object] = [__version__, tiles.PIECE, tiles.TILE, model.hash]
    seen += [device.partition(":")[0], settings.told(), settings.columns.tolist(), source.told()]
    seen += ([str(path.resolve()), *_stamp(path)] for path in source.inputs())
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]


def plan_of(
    source: Source,
    model: Model,
    settings: Settings,
    output: Output,
    command: str,
    tally: Tally,
    model_path: str | PathLike[str] | None,
) -> dict[str, Any]:
    """Put down all that is needed to make files of the parts, as plain values."""
    return {
        "vqrna": __version__,
        "command": command,
        "units": tally.units,
        "repeated_names": tally.repeated_names,
        "model": {
            "path": None if model_path is None else str(Path(model_path).resolve()),
            "hash": model.hash,
        },
        "settings": {
            "modifications": [m.symbol for m in settings.modifications],
            "prior": {
                m.symbol: p
                for m, p in zip(settings.modifications, settings.priors.tolist(), strict=True)
            },
            "confidence": settings.confidence,
            "threshold": settings.threshold,
            "all_sites": settings.all_sites,
            "fdr": settings.fdr,
            "precision": settings.precision,
        },
        "source": _spec(source),
        "inputs": {str(path.resolve()): _stamp(path) for path in source.inputs()},
        "output": output.told(),
    }


def join(
    folders: Sequence[str | PathLike[str]],
    out: str | PathLike[str] | None = None,
    *,
    formats: tuple[str, ...] = (),
    model: str | PathLike[str] | None = None,
) -> Prediction:
    """Put the shards of a scan together: the same bytes as if it had been made in one go.

    Parameters
    ----------
    folders : sequence of path
        The ``--out`` folders of the shards; they may be one and the same.
    out : path, optional
        Where the files go; the folder of the shards where there is only one.
    formats : tuple of str
        Which files; those that the shards were asked for if not given.
    model : path, optional
        Where the model lies, if no longer where the shards found it.

    Raises
    ------
    DataError
        If parts are missing, or of different scans.
    """
    places = list(dict.fromkeys(Path(folder) for folder in folders))
    stores = _of_one_scan([_stores(place) for place in places])
    plans = [plan for store in stores for plan in store.plans()]
    if not plans:
        raise DataError("no shard here has come to its end", file=places[0])
    plan = plans[0]
    if plan["vqrna"] != __version__:
        raise DataError(f"the shards were made by vqrna {plan['vqrna']}", file=places[0])
    lying = _lying(stores, plan)
    missing = [number for number, store in enumerate(lying) if store is None]
    if missing:
        raise DataError(
            f"{len(missing):,} of {plan['units']:,} parts are missing, the first is number "
            f"{missing[0] + 1}: has every shard come to its end?",
            file=places[0],
        )
    loaded = load_model(model or plan["model"]["path"], "cpu")
    if loaded.hash != plan["model"]["hash"]:
        raise DataError(
            f"the model is {loaded.hash}, but the shards were made with {plan['model']['hash']}"
        )
    settings = make_settings(loaded.modifications, **plan["settings"])
    told = plan["output"] | ({"formats": formats} if formats else {})
    output = Output(**told | {"formats": tuple(told["formats"])})
    parts = Parts([store for store in lying if store is not None])
    run = {"shards": [each.get("run") for each in plans]}
    source = _source(plan["source"], plan["inputs"])
    with results_directory(out or places[0]) as folder:
        found = write_results(parts, folder, source, loaded, settings, output, plan["command"], run)
    for store in stores:
        store.clear()
    repeated = 0 if source.stranded else plan["repeated_names"]  # exons share a chromosome's name
    return replace(found, repeated_names=repeated)


def _stores(folder: Path) -> list[PartStore]:
    if not folder.is_dir():
        raise DataError("there is no such folder", file=folder)
    stores = PartStore.found_in(folder)
    if not stores:
        raise DataError("holds no shards of a scan", file=folder)
    return stores


def _of_one_scan(found: Sequence[Sequence[PartStore]]) -> list[PartStore]:
    """Choose the stores of the scan that all folders hold; of several, of the one that is whole."""
    stores: dict[str, list[PartStore]] = {}
    for held in found:
        for store in held:
            stores.setdefault(store.key, []).append(store)
    shared = [each for each in stores.values() if len(each) == len(found)]
    if len(shared) > 1:  # a folder may hold what an earlier attempt left
        shared = [each for each in shared if _whole(each)]
    if len(shared) != 1:
        told = (f"{store.place} ({_made_by(store)})" for each in stores.values() for store in each)
        raise DataError(
            f"the shards are of different scans: {', '.join(told)}; remove what does not belong"
        )
    return shared[0]


def _whole(stores: Sequence[PartStore]) -> bool:
    """Tell whether all parts of a scan are there."""
    plan = next((plan for store in stores for plan in store.plans()), None)
    return plan is not None and None not in _lying(stores, plan)


def _lying(stores: Sequence[PartStore], plan: Mapping[str, Any]) -> list[PartStore | None]:
    """Find which store each part lies in."""
    return [next((s for s in stores if s.has(n)), None) for n in range(plan["units"])]


def _made_by(store: PartStore) -> str:
    """Say what the parts in a store are of."""
    plans = store.plans()
    return plans[0]["command"] if plans else "no shard in it has come to its end"


def _stamp(path: Path) -> list[int]:
    """Give size and time of change of a file."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _spec(source: Source) -> dict[str, Any]:
    """Put down how to open a source again."""
    if isinstance(source, FastaSource):
        return {"files": [str(Path(file).resolve()) for file in source.files]}
    if isinstance(source, GenomeSource):
        return {"genome": source.spec()}
    raise TypeError("what is in memory has no shards")


def _source(spec: dict[str, Any], inputs: Mapping[str, list[int]]) -> Source:
    """Open a source again.

    What was read of a genome tells the places of its sites, so it must be as the shards saw it.
    """
    if "genome" not in spec:
        return FastaSource(tuple(spec["files"]))
    for path, stamp in inputs.items():
        if not Path(path).exists():
            raise DataError("there is no such file, which the shards were made of", file=path)
        if _stamp(Path(path)) != stamp:
            raise DataError("has changed since the shards were made of it", file=path)
    return open_genome(**spec["genome"])
