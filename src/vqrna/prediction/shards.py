"""Plans of scans: small files that describe the parts, so that shards can be joined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from vqrna._version import __version__
from vqrna.data.names import NameRule
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
from vqrna.runtime.lock import folder_lock

Store = TypeVar("Store")

_MOST_LISTED = 10
"""Most shards that a message lists."""


def run_key(source: Source, model: Model, settings: Settings, device: str) -> str:
    """Return an identifier of a scan that depends on all that its result depends on.

    Returns
    -------
    str
        12 hexadecimal digits. Files are identified by path; each part has a digest of the sequences
        that it was computed from.
    """
    facts: list[object] = [__version__, tiles.PIECE, tiles.TILE, model.hash]
    facts += [device.partition(":")[0], settings.describe(), settings.columns.tolist()]
    facts += [source.describe()]
    facts += (str(path.resolve()) for path in source.inputs())
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def make_plan(
    source: Source,
    model: Model,
    settings: Settings,
    output: Output,
    command: str,
    tally: Tally,
    model_path: str | PathLike[str] | None,
) -> dict[str, Any]:
    """Return all that is needed to write the output files from the parts, as plain values."""
    priors = zip(settings.modifications, settings.priors.tolist(), strict=True)
    return {
        "schema_version": 1,
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
            "prior": {m.symbol: prior for m, prior in priors},
            "confidence": settings.confidence,
            "threshold": settings.threshold,
            "min_probability": settings.min_probability,
            "all_sites": settings.all_sites,
            "fdr": settings.fdr,
            "top": settings.top,
            "precision": settings.precision,
        },
        "source": _source_spec(source),
        "inputs": _input_digests(source),
        "sequences": tally.input_digest,
        "origins": tally.origins,
        "output": output.to_dict(),
    }


def join(
    folders: Sequence[str | PathLike[str]],
    out: str | PathLike[str] | None = None,
    *,
    formats: tuple[str, ...] = (),
    model: str | PathLike[str] | None = None,
) -> Prediction:
    """Join the shards of a scan; the files are the same as those of a scan without shards.

    Raises DataError if parts are missing, or of different scans.

    Parameters
    ----------
    folders : sequence of path
        The ``--out`` folders of the shards; they may be the same.
    out : path, optional
        Folder for the files; by default the first of `folders`.
    formats : tuple of str
        Formats to write; those of the shards if not given.
    model : path, optional
        File of the model, if it was moved since the shards were made.
    """
    paths = list(dict.fromkeys(Path(folder) for folder in folders))
    stores = _select_scan([_stores_in(path) for path in paths])
    plans = [plan for store in stores for plan in store.read_plans()]
    plan = complete_plan(plans, paths[0])
    if len({each["sequences"] for each in plans}) > 1:
        raise DataError(
            "the shards were made from different sequences: the input has changed between them; "
            "run the shards again",
            file=paths[0],
        )
    located = require_parts(_locate_parts(stores, plans), paths[0])
    loaded = model_of_plan(plan, model)
    settings = make_settings(loaded.modifications, **plan["settings"])
    options = plan["output"] | ({"formats": formats} if formats else {})
    output = Output(**options | {"formats": tuple(options["formats"])})
    parts = Parts(located)
    run = {"shards": [each.get("run") for each in plans]}
    source = _open_source(plan["source"], plan["inputs"])
    with results_directory(out or paths[0]) as folder, folder_lock(folder):
        prediction = write_results(
            parts, folder, source, loaded, settings, output, plan["command"], run
        )
    for store in stores:
        store.clear()
    # Regions of a chromosome share its name
    repeated = 0 if source.tables.stranded else plan["repeated_names"]
    return replace(prediction, repeated_names=repeated)


def _stores_in(folder: Path) -> list[PartStore]:
    if not folder.is_dir():
        raise DataError("no such folder", file=folder)
    stores = PartStore.list_in(folder)
    if not stores:
        raise DataError("no shards of a scan in this folder", file=folder)
    return stores


def _select_scan(folders: Sequence[Sequence[PartStore]]) -> list[PartStore]:
    """Return the stores of the scan that all folders have; of several, of the complete one."""
    scans: dict[str, list[PartStore]] = {}
    for stores in folders:
        for store in stores:
            scans.setdefault(store.key, []).append(store)
    shared = [stores for stores in scans.values() if len(stores) == len(folders)]
    if len(shared) > 1:  # a folder may have the parts of an earlier attempt
        shared = [stores for stores in shared if _is_complete(stores)]
    if len(shared) != 1:
        listed = (
            f"{store.directory} ({_command(store)})"
            for stores in scans.values()
            for store in stores
        )
        raise DataError(
            f"the shards are of different scans: {', '.join(listed)}; remove those of other scans"
        )
    return shared[0]


def _is_complete(stores: Sequence[PartStore]) -> bool:
    plans = [plan for store in stores for plan in store.read_plans()]
    return bool(plans) and not missing_shards(plans) and None not in _locate_parts(stores, plans)


def complete_plan(plans: Sequence[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Return the first plan, if this version made the plans and all shards have finished.

    Raises DataError otherwise, with the name of `folder`.
    """
    if not plans:
        raise DataError("no shard in this folder is complete", file=folder)
    version = plans[0]["vqrna"]
    if version != __version__:
        raise DataError(f"the shards were made by vqrna {version}, not {__version__}", file=folder)
    if lacking := missing_shards(plans):
        raise DataError(lacking, file=folder)
    return plans[0]


def require_parts(located: Sequence[Store | None], folder: Path) -> list[Store]:
    """Return the store of each part; raises DataError if a part has none."""
    missing = [number for number, store in enumerate(located) if store is None]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(located):,} parts are missing or damaged (the first is "
            f"part {missing[0] + 1}): check that every shard is complete",
            file=folder,
        )
    return [store for store in located if store is not None]


def model_of_plan(plan: Mapping[str, Any], path: str | PathLike[str] | None) -> Model:
    """Load the model that shards were made with, from `path` if given.

    Raises DataError if the file contains another model.
    """
    loaded = load_model(path or plan["model"]["path"], "cpu")
    if loaded.hash != plan["model"]["hash"]:
        raise DataError(
            f"the model is {loaded.hash}, but the shards were made with {plan['model']['hash']}"
        )
    return loaded


def missing_shards(plans: Sequence[Mapping[str, Any]]) -> str:
    """Return a message on the shards that have not finished; empty if all have."""
    finished: dict[int, set[int]] = {}
    for plan in plans:
        index, count = plan["shard"]
        finished.setdefault(count, set()).add(index)
    if any(len(indices) == count for count, indices in finished.items()):
        return ""
    count = max(finished, key=lambda count: (len(finished[count]), count))
    number = count - len(finished[count])
    missing = (i for i in range(1, count + 1) if i not in finished[count])
    listed = [str(i) for i in islice(missing, _MOST_LISTED)]
    if number == 1:
        return (
            f"shard {listed[0]} of {count} has not finished: run it (--shard {listed[0]}/{count}), "
            "or name its folder, too"
        )
    more = f"{number - len(listed):,} more" if number > len(listed) else listed.pop()
    return (
        f"shards {', '.join(listed)} and {more} of {count:,} have not finished: run them "
        f"(--shard {listed[0]}/{count} and so on), or name their folders, too"
    )


def _locate_parts(
    stores: Sequence[PartStore], plans: Sequence[Mapping[str, Any]]
) -> list[PartStore | None]:
    """Return the store of each part, as the plans describe it."""
    origins: dict[str, str] = {}
    for plan in plans:
        origins |= plan["origins"]
    return [
        next((s for s in stores if str(n) in origins and s.has(n, origins[str(n)])), None)
        for n in range(plans[0]["units"])
    ]


def _command(store: PartStore) -> str:
    plans = store.read_plans()
    return plans[0]["command"] if plans else "no complete shard"


def _input_digests(source: Source) -> dict[str, str]:
    """Return digests of what the tables of a genome depend on, by path.

    Sequences are missing: they are part of the digest of each unit.
    """
    if not isinstance(source, GenomeSource):
        return {}
    paths = [path for path in (source.regions_path, source.annotation_path) if path is not None]
    digests = {str(path.resolve()): _file_digest(path) for path in paths}
    names = json.dumps([source.genome.names, source.genome.lengths]).encode()
    return digests | {str(source.genome.path.resolve()): hashlib.sha256(names).hexdigest()[:32]}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _source_spec(source: Source) -> dict[str, Any]:
    if isinstance(source, FastaSource):
        files = [str(Path(file).resolve()) for file in source.files]
        rule = source.rule
        return {"files": files, "name_until": rule.until, "ignore_version": rule.ignore_version}
    if isinstance(source, GenomeSource):
        return {"genome": source.spec()}
    raise TypeError(f"a {type(source).__name__} cannot be scanned in shards")


def _open_source(spec: dict[str, Any], inputs: Mapping[str, str]) -> Source:
    """Open a source again; the rows of a genome depend on its files, which must be unchanged."""
    if "genome" not in spec:
        rule = NameRule(spec.get("name_until", ""), spec.get("ignore_version", False))
        return FastaSource(tuple(spec["files"]), rule)
    missing = [path for path in inputs if not Path(path).exists()]
    if missing:
        raise DataError("no such file, but the shards were made from it", file=missing[0])
    source = open_genome(**spec["genome"])
    digests = _input_digests(source)
    for path, digest in inputs.items():
        if digests.get(path) != digest:
            raise DataError("has changed since the shards were made from it", file=path)
    return source
