"""Join the shards of a run."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vqrna.errors import DataError
from vqrna.prediction.engines import resolve_jobs
from vqrna.prediction.shards import complete_plan, model_of_plan, require_parts
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
    plan = complete_plan(plans, paths[0])
    kept = [next((s for s in stores if s.has(n)), None) for n in range(plan["units"])]
    located = require_parts(kept, paths[0])
    loaded = model_of_plan(plan, model)
    settings = make_variant_settings(loaded.modifications, **plan["settings"])
    source = open_tracks(settings.modifications, **plan["source"])
    with open_vcf(plan["vcf"]) as file:
        if input_digests(file, source) != plan["digests"]:
            raise DataError("an input file has changed since the shards were made: run them again")
        target = out or paths[0]
        with results_directory(target) as folder, folder_lock(folder):
            parts = StoredParts(located)
            run = {"shards": [each["run"] for each in plans]}
            result = write_results(
                parts, folder, file, source, loaded, settings, formats or plan["formats"],
                plan["command"], run, jobs=resolve_jobs(None, loaded.device),
                show_progress=show_progress,
            )  # fmt: skip
    for store in stores:
        store.clear()
    return result
