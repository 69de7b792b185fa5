"""Join the shards of a run."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vqrna._version import __version__
from vqrna.errors import DataError
from vqrna.model.weights import load_model
from vqrna.prediction.engines import resolve_jobs
from vqrna.prediction.shards import missing_shards
from vqrna.runtime.files import results_directory
from vqrna.runtime.lock import folder_lock
from vqrna.variation.result import VariantEffects
from vqrna.variation.run import write_results
from vqrna.variation.settings import make_variant_settings
from vqrna.variation.store import StoredParts, VariantStore, input_digests
from vqrna.variation.track_source import open_tracks
from vqrna.variation.vcf import open_vcf

Input = str | PathLike[str]


def has_variant_shards(folder: Input) -> bool:
    """Return whether a folder has shards of a run of variants."""
    return bool(VariantStore.list_in(Path(folder)))


def join_variants(
    folders: Sequence[Input], out: Input | None = None, *, model: Input | None = None,
    formats: Sequence[str] = (), show_progress: bool = True,
) -> VariantEffects:  # fmt: skip
    """Join the shards of a run; the files are the same as those of a run without shards.

    Parameters
    ----------
    folders : sequence of path
        The ``--out`` folders of the shards; they may be the same.
    out : path, optional
        Folder for the files; by default the first of `folders`.
    model : path, optional
        File of the model, if it was moved since the shards were made.
    formats : sequence of str
        Formats to write; those of the shards if not given.

    Raises
    ------
    DataError
        If parts are missing, or of different runs, or an input has changed.
    """
    paths = list(dict.fromkeys(Path(folder) for folder in folders))
    stores = [store for path in paths for store in VariantStore.list_in(path)]
    if len({store.key for store in stores}) != 1:
        listed = ", ".join(str(store.directory) for store in stores)
        raise DataError(f"the shards are of different runs: {listed}; remove those of other runs")
    plans = [plan for store in stores for plan in store.read_plans()]
    if not plans:
        raise DataError("no shard in this folder is complete", file=paths[0])
    plan = plans[0]
    if plan["vqrna"] != __version__:
        raise DataError(
            f"the shards were made by vqrna {plan['vqrna']}, not {__version__}", file=paths[0]
        )
    if lacking := missing_shards(plans):
        raise DataError(lacking, file=paths[0])
    located = [next((s for s in stores if s.has(n)), None) for n in range(plan["units"])]
    missing = [n for n, store in enumerate(located) if store is None]
    if missing:
        raise DataError(
            f"{len(missing):,} of {plan['units']:,} parts are missing (the first is part "
            f"{missing[0] + 1}): check that every shard is complete",
            file=paths[0],
        )
    loaded = load_model(model or plan["model"]["path"], "cpu")
    if loaded.hash != plan["model"]["hash"]:
        raise DataError(
            f"the model is {loaded.hash}, but the shards were made with {plan['model']['hash']}"
        )
    settings = make_variant_settings(loaded.modifications, **plan["settings"])
    source = open_tracks(settings.modifications, **plan["source"])
    with open_vcf(plan["vcf"]) as file:
        if input_digests(file, source) != plan["digests"]:
            raise DataError("an input file has changed since the shards were made: run them again")
        target = out or paths[0]
        with results_directory(target) as folder, folder_lock(folder):
            parts = StoredParts([store for store in located if store is not None])
            run = {"shards": [each["run"] for each in plans]}
            result = write_results(
                parts, folder, file, source, loaded, settings, formats or plan["formats"],
                plan["command"], run, jobs=resolve_jobs(None, loaded.device),
                show_progress=show_progress,
            )  # fmt: skip
    for store in stores:
        store.clear()
    return result
