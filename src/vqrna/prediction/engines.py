"""Choose what scores the units of a scan: threads of this process, or Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.prediction.scan import Engine, Threads
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.threads import checked_jobs

ENGINES = ("threads", "ray")


def check_engine(name: str, address: str | None = None) -> str:
    """Give the name back if there is such an engine.

    Raises
    ------
    UsageError
        If there is none, or it has no use for an address.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}' (known: {', '.join(ENGINES)})")
    if address and name != "ray":
        raise UsageError("--address is that of a Ray cluster: it needs --engine ray")
    return name


@contextmanager
def open_engine(
    name: str,
    source: Source,
    model: Model,
    settings: Settings,
    *,
    jobs: int | None = None,
    device: str = "auto",
    address: str | None = None,
) -> Iterator[Engine]:
    """Have an engine while the body runs.

    Parameters
    ----------
    name : str
        Of `ENGINES`.
    source : Source
    model : Model
        On the device that threads use; for Ray on any.
    settings : Settings
    jobs : int, optional
        Threads or actors; what fits if not given.
    device : str
        What Ray's actors compute on: ``auto``, ``cpu`` or ``cuda``.
    address : str, optional
        Of a Ray cluster (see :func:`vqrna.runtime.ray_cluster.ray_cluster`).

    Raises
    ------
    UsageError
        If the engine is unknown, cannot read this source, or Ray is not installed.
    DataError
        If the cluster cannot be reached.
    """
    if check_engine(name, address) == "threads":
        yield Threads(model, settings, checked_jobs(jobs, model.device))
        return
    from vqrna.prediction.ray_engine import Ray, check_source
    from vqrna.runtime.ray_cluster import ray_cluster

    check_source(source)
    with ray_cluster(address, jobs, device) as cluster:
        yield Ray(cluster, source, model, settings)
