"""Start Ray here, or reach a Ray cluster that runs already, without its noise.

How Ray is kept quiet, and what it would do to this process unasked is undone.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from vqrna._version import __version__
from vqrna.errors import DataError, UsageError

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what it warns of does not concern us
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its warnings are about its own ways
}
"""Environment of Ray where nobody set it otherwise."""

_SPEAKER = """
import sys
if not sys.stdin.read():
    print("vqrna: error: ended from outside, most likely since Ray on this machine died; what is "
          "finished is kept: the same command goes on from there", file=sys.stderr)
"""
"""Waits for a sign from its parent; speaks if there comes an end and no sign."""


@contextmanager
def no_stderr() -> Iterator[None]:
    """Drop what is written to standard error below Python: Ray says there which level it logs."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what Ray says of workers that die off standard output, where it would print it.

    What they did is begun again; Ray's logs tell the rest. There is no setting for it: where a
    later Ray does it another way, it is heard.
    """
    from ray._private import worker

    kept: Any = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *said, **more: None
    try:
        yield
    finally:
        worker.print_to_stdstream = kept


@contextmanager
def last_words() -> Iterator[None]:
    """Have somebody who speaks for this process if Ray ends it, which it does without a word.

    That happens when the Ray of this very machine dies; the death of other machines is mended.
    """
    command = [sys.executable, "-I", "-S", "-c", _SPEAKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as speaker:
        assert speaker.stdin is not None
        try:
            yield
        finally:
            speaker.stdin.write(b".")


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back the handlers of signals that Ray replaces with its own, which end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None:
                signal.signal(number, handler)


PER_GPU = 2
"""So many actors share a GPU: one computes while the other picks out calls."""

_REACH = 5.0
"""Seconds to wait for the head of a cluster."""

_ANSWER = 60.0
"""Seconds to wait for the machines of a cluster to say which vqrna they have."""

_STORE = 128 << 20
_STORE_ACTOR = 64 << 20
"""Bytes of Ray's object store of our own cluster: in all, and more for each actor."""


@dataclass(frozen=True)
class Cluster:
    """What a Ray cluster computes with.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.
    actors : int
        Processes that score.
    nodes : int
        Machines that can take some.
    """

    device: str
    actors: int
    nodes: int

    @property
    def resources(self) -> dict[str, float]:
        """What Ray sets aside for an actor."""
        return {"num_cpus": 1, "num_gpus": 1 / PER_GPU if self.device == "cuda" else 0}


@contextmanager
def ray_cluster(
    address: str | None = None, jobs: int | None = None, device: str = "auto"
) -> Iterator[Cluster]:
    """Use a Ray cluster while the body runs.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of the head, or ``auto`` for the cluster that this machine is part of. If not
        given, the variable ``RAY_ADDRESS`` tells, and without it Ray is started on this machine
        and ended afterwards. If this process uses Ray already, that is what it goes on with.
    jobs : int, optional
        Number of actors; what fits the cluster if not given.
    device : str
        ``auto`` takes GPUs where the cluster has any; ``cpu``; ``cuda``.

    Raises
    ------
    UsageError
        If Ray is not installed, or the cluster has no such device.
    DataError
        If the cluster cannot be reached.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is a number of actors from 1 on, not {jobs}")
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"with --engine ray the device is auto, cpu or cuda, not '{device}'")
    address = address or os.environ.get("RAY_ADDRESS") or None
    _check(address)
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    ray = import_ray()
    if ray.is_initialized():
        yield _look(ray, jobs, device)
        return
    with hushed(), last_words():
        _connect(ray, address, jobs)
        try:
            yield _look(ray, jobs, device)
        finally:
            with handlers_kept():
                ray.shutdown()


def _check(address: str | None) -> None:
    """Tell at once if nobody answers; Ray itself takes a minute and many words."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).rpartition(":")
    if "://" in str(address) or not host or not port.isdigit():
        raise UsageError(
            f"'{address}' is no address of a Ray cluster: say auto, or HOST:PORT of its head "
            "on a machine of the cluster"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from None


def _unreachable(address: str | None, error: BaseException) -> DataError:
    words = str(error).strip().splitlines()
    why = f" ({words[0].strip().partition('. ')[0]})" if words else ""
    if address is None:
        return DataError(f"Ray cannot be started here{why}")
    return DataError(f"there is no Ray cluster at '{address}' that this machine can use{why}")


def import_ray() -> ModuleType:
    """Import Ray.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other packages, on their way to a new Python
            import ray
            import ray.data
    except ImportError:
        words = "--engine ray needs the extra: pip install 'vqrna[ray]'"
        raise UsageError(words) from None
    for handler in logging.getLogger("ray.data").handlers:
        handler.setLevel(logging.CRITICAL)  # its console; the log in the session's folder stays
    return ray


def _connect(ray: ModuleType, address: str | None, jobs: int | None) -> None:
    """Start or reach Ray."""
    wanted: dict[str, Any] = {"address": address or "local"}
    if wanted["address"] == "local":
        wanted |= _own(jobs)
    try:
        with handlers_kept(), no_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(**wanted, logging_level=logging.CRITICAL, log_to_driver=False)
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        with handlers_kept():
            ray.shutdown()
        told = _unreachable(address, error)
        if address and "RAY_AUTH_MODE" not in os.environ:  # Ray says so only in its logs
            told.add_note("if it asks for a token, set RAY_AUTH_MODE=token")
        raise told from error


def _own(jobs: int | None) -> dict[str, Any]:
    """Size a cluster of our own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpus = jobs or cores or 1
    store = _STORE + cpus * _STORE_ACTOR
    if os.path.isdir("/dev/shm"):  # noqa: PTH112  (a place of Linux, not a path of ours)
        store = min(store, int(0.8 * shutil.disk_usage("/dev/shm").free))
    return {
        "num_cpus": cpus,
        "object_store_memory": max(store, 80 << 20),  # Ray takes no less than 75 MiB
        "include_dashboard": False,
    }


def _look(ray: ModuleType, jobs: int | None, device: str) -> Cluster:
    """See what the cluster has."""
    has = ray.cluster_resources()
    cpus, gpus = int(has.get("CPU", 0)), int(has.get("GPU", 0))
    if device == "cuda" and not gpus:
        raise UsageError("the Ray cluster has no GPU: leave --device away, or say cpu")
    chosen = "cuda" if gpus and device != "cpu" else "cpu"
    most = cpus if chosen == "cpu" else PER_GPU * gpus
    wanted = "CPU" if chosen == "cpu" else "GPU"
    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get(wanted, 0) > 0]
    if not nodes:
        raise DataError(f"the Ray cluster has no machine with a {wanted}")
    _ask_versions(ray, nodes)
    return Cluster(chosen, max(1, jobs or most), len(nodes))


def _ask_versions(ray: ModuleType, nodes: list[dict[str, Any]]) -> None:
    """Make sure that all machines have this vqrna; one without it would be tried for ever."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str:  # in here, so that it travels whole and needs no vqrna where it runs
        try:
            import vqrna
        except ImportError as error:
            return f"no vqrna ({error})"
        return f"vqrna {vqrna.__version__}"

    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ask = ray.remote(version).options(num_cpus=0, scheduling_strategy=there)
        asked[ask.remote()] = node["NodeManagerHostname"]
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER)
    for reference in answered:
        if (found := ray.get(reference)) != f"vqrna {__version__}":
            raise DataError(
                f"worker {asked[reference]} has {found}, and the scan needs {__version__}"
            )
