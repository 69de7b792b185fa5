"""Start Ray on this machine or connect to a running cluster, without Ray's messages.

Ray's options keep most of it quiet: ``logging_level`` and ``log_to_driver`` of ``ray.init``, the
variables in `ENVIRONMENT`, and the level of the logger ``ray.data``. Ray's own log files are
complete. Three things have no option and are done here:

- ``RAY_BACKEND_LOG_LEVEL`` makes Ray print a line about the variable itself while it starts.
  Without the variable, it prints errors about every actor that it would restart. So standard error
  is discarded during the start.
- Ray replaces the handler of SIGTERM by one that ends the process. The handlers are restored, so
  that a terminated command still cleans up.
- If the Ray node of this machine dies, Ray ends this process without a message. A small child
  process then prints one.
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
from vqrna.errors import DataError, UsageError, missing_extra

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else paragraphs on standard output about dead workers
}
"""Variables that Ray reads when it is imported or started; those that are set already stay."""

PER_GPU = 2
"""Actors that share a GPU: one computes while the other selects calls."""

_CONNECT_TIMEOUT = 5.0
"""Seconds to wait for the head of a cluster."""

_VERSION_TIMEOUT = 60.0
"""Seconds to wait for the machines of a cluster to report their version of vqrna."""

_STORE = 128 << 20
_STORE_PER_ACTOR = 64 << 20
"""Bytes of Ray's object store on this machine: in total, and in addition for each actor."""

_REPORTER = """
import sys
if not sys.stdin.read():
    print("vqrna: error: the process was ended, most likely because Ray on this machine died; "
          "finished parts are kept: the same command resumes the run", file=sys.stderr)
"""
"""Prints an error if its standard input ends without a byte."""


@dataclass(frozen=True)
class Cluster:
    """Resources of a Ray cluster."""

    device: str  # ``cpu`` or ``cuda``
    actors: int  # Number of actors
    nodes: int  # Number of machines that can run them

    @property
    def resources(self) -> dict[str, float]:
        """Resources of an actor, as Ray's options."""
        return {"num_cpus": 1, "num_gpus": 1 / PER_GPU if self.device == "cuda" else 0}


@contextmanager
def ray_cluster(
    address: str | None = None, jobs: int | None = None, device: str = "auto"
) -> Iterator[Cluster]:
    """Use a Ray cluster while the body runs.

    Raises UsageError if Ray is not installed, or the cluster has no such device. Raises DataError
    if the cluster cannot be reached.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of the head, or ``auto`` for the cluster of this machine. By default the
        variable ``RAY_ADDRESS``; without it, Ray is started on this machine and stopped
        afterwards. If this process uses Ray already, its cluster is used.
    jobs : int, optional
        Number of actors; what fits the cluster if not given.
    device : str
        ``auto`` uses GPUs if the cluster has any; ``cpu``; ``cuda``.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"invalid --jobs {jobs} (expected 1 or more actors)")
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"invalid device '{device}' for Ray (expected auto, cpu or cuda)")
    address = address or os.environ.get("RAY_ADDRESS") or None
    _check_address(address)
    ray = import_ray()
    if ray.is_initialized():
        yield _describe_cluster(ray, jobs, device)
        return
    with report_sudden_exit():
        _connect(ray, address, jobs)
        try:
            yield _describe_cluster(ray, jobs, device)
        finally:
            with _restored_signal_handlers():
                ray.shutdown()


def import_ray() -> ModuleType:
    """Import Ray.

    Raises UsageError if it is not installed.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations in packages that Ray imports
            import ray
            import ray.data
    except ImportError:
        raise UsageError(f"--engine ray needs Ray: {missing_extra('ray')}") from None
    for handler in logging.getLogger("ray.data").handlers:
        handler.setLevel(logging.CRITICAL)  # of the console; log files have handlers of their own
    return ray


@contextmanager
def report_sudden_exit() -> Iterator[None]:
    """Report it on standard error if the process ends before the body does."""
    command = [sys.executable, "-I", "-S", "-c", _REPORTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as reporter:
        assert reporter.stdin is not None
        try:
            yield
        finally:
            reporter.stdin.write(b".")


@contextmanager
def _discarded_stderr() -> Iterator[None]:
    """Discard standard error, also that of compiled code."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@contextmanager
def _restored_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers of this process after the body."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    saved = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in saved.items():
            if handler is not None:
                signal.signal(number, handler)


def _check_address(address: str | None) -> None:
    """Raise at once without an answer; Ray itself takes a minute and prints a lot."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).rpartition(":")
    if "://" in str(address) or not host or not port.isdigit():
        raise UsageError(
            f"invalid --address '{address}' (expected auto, or HOST:PORT of the head of a Ray "
            "cluster that this machine belongs to)"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from None


def _unreachable(address: str | None, error: BaseException) -> DataError:
    lines = str(error).strip().splitlines()
    reason = f" ({lines[0].strip().partition('. ')[0]})" if lines else ""
    if address is None:
        return DataError(f"cannot start Ray on this machine{reason}")
    return DataError(f"cannot connect to a Ray cluster at '{address}'{reason}")


def _connect(ray: ModuleType, address: str | None, jobs: int | None) -> None:
    options: dict[str, Any] = {"address": address or "local"}
    if options["address"] == "local":
        options |= _local_options(jobs)
    try:
        with _restored_signal_handlers(), _discarded_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(**options, logging_level=logging.CRITICAL, log_to_driver=False)
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        with _restored_signal_handlers():
            ray.shutdown()
        unreachable = _unreachable(address, error)
        if address and "RAY_AUTH_MODE" not in os.environ:  # Ray mentions it only in its logs
            unreachable.add_note("if the cluster needs a token, set RAY_AUTH_MODE=token")
        raise unreachable from error


def _local_options(jobs: int | None) -> dict[str, Any]:
    """Return the options of ``ray.init`` that size a cluster on this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpus = jobs or cores or 1
    store = _STORE + cpus * _STORE_PER_ACTOR
    if os.path.isdir("/dev/shm"):  # noqa: PTH112  (a fixed place of Linux)
        store = min(store, int(0.8 * shutil.disk_usage("/dev/shm").free))
    return {
        "num_cpus": cpus,
        "object_store_memory": max(store, 80 << 20),  # the minimum of Ray is 75 MiB
        "include_dashboard": False,
    }


def _describe_cluster(ray: ModuleType, jobs: int | None, device: str) -> Cluster:
    """Return the resources of a connected cluster, after a check of its versions."""
    total = ray.cluster_resources()
    cpus, gpus = int(total.get("CPU", 0)), int(total.get("GPU", 0))
    if device == "cuda" and not gpus:
        raise UsageError("the Ray cluster has no GPU: omit --device, or use --device cpu")
    chosen = "cuda" if gpus and device != "cpu" else "cpu"
    most = cpus if chosen == "cpu" else PER_GPU * gpus
    resource = "CPU" if chosen == "cpu" else "GPU"
    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get(resource, 0) > 0]
    if not nodes:
        raise DataError(f"the Ray cluster has no machine with a {resource}")
    _check_versions(ray, nodes)
    return Cluster(chosen, max(1, jobs or most), len(nodes))


def _check_versions(ray: ModuleType, nodes: list[dict[str, Any]]) -> None:
    """Check that all machines have this vqrna; Ray would retry one without it for ever."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def version() -> str:  # a local function is sent by value: the machine may have no vqrna
        try:
            import vqrna
        except ImportError as error:
            return f"no vqrna ({error})"
        return f"vqrna {vqrna.__version__}"

    hosts = {}
    for node in nodes:
        on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ray.remote(version).options(num_cpus=0, scheduling_strategy=on_node)
        hosts[task.remote()] = node["NodeManagerHostname"]
    answered, _ = ray.wait(list(hosts), num_returns=len(hosts), timeout=_VERSION_TIMEOUT)
    for reference in answered:
        if (installed := ray.get(reference)) != f"vqrna {__version__}":
            raise DataError(
                f"worker {hosts[reference]} has {installed}, but the scan needs {__version__}"
            )
