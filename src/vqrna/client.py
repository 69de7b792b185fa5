"""Client of a vqrna server: submit sequences, wait, and read the sites.

>>> from vqrna.client import Client
>>> job = Client("http://127.0.0.1:8000").submit("sequences.fasta")  # doctest: +SKIP
>>> job.wait().sites()  # doctest: +SKIP
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import requests

from vqrna.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

RETRIES = 5
"""Attempts after a failure that may pass: no connection, a busy server, a full queue."""

_RETRIED = (429, 502, 503, 504)
_LONGEST_WAIT = 60.0
_BLOCK = 1 << 18
_FORMATS = ("tsv", "json", "bed", "bed.gz", "bedrmod", "parquet", "fasta")


class Client:
    """A vqrna server.

    Parameters
    ----------
    url : str
        Address of the page, such as ``http://127.0.0.1:8000``.
    token : str, optional
        Token of the server, if it requires one.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        Attempts after a failure that may pass.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout: float = 60.0, retries: int = RETRIES
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"invalid address '{url}' (expected http://... or https://...)")
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.retries = retries
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def submit(
        self,
        sequences: str | PathLike[str] | Mapping[str, str],
        *,
        modifications: str | Sequence[str] = (),
        confidence: str | None = None,
        threshold: float | None = None,
        min_probability: float | None = None,
        fdr: float | None = None,
        top: int | None = None,
        prior: float | Mapping[str, float] | None = None,
    ) -> Job:
        """Submit sequences.

        A submission that is repeated after a lost connection adds one job.

        Parameters
        ----------
        sequences : path, or mapping of name to sequence
            A FASTA file, plain or gzipped, or sequences.
        modifications, confidence, threshold, min_probability, fdr, top, prior
            As for :func:`vqrna.predict`; the defaults of the server if not given.

        Raises
        ------
        DataError
            If the file is missing, or the server rejects the sequences or cannot be reached.
        UsageError
            If `sequences` is of another type, or the server rejects the options.
        """
        if not isinstance(sequences, str | PathLike | Mapping):
            raise UsageError(
                "sequences must be a path or a mapping of name to sequence, "
                f"not {type(sequences).__name__}"
            )
        modifications = _as_list(modifications)
        options: dict[str, Any] = {
            "modifications": modifications,
            "confidence": confidence,
            "threshold": threshold,
            "min_probability": min_probability,
            "fdr": fdr,
            "top": top,
            "prior": dict(prior) if isinstance(prior, Mapping) else prior,
        }
        options = {name: value for name, value in options.items() if value not in (None, [])}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if isinstance(sequences, Mapping):
            for name in sequences:
                if any(each in name for each in "\r\n\t"):
                    raise DataError(
                        "the name of a sequence must not contain line breaks or tabs", record=name
                    )
            fasta = "".join(
                f">{name}\n{''.join(letters.split())}\n" for name, letters in sequences.items()
            )
            answer = self._call_json("POST", "/api/jobs", "id", json={"fasta": fasta, **options},
                                     headers=headers)  # fmt: skip
        else:
            path = Path(sequences)
            if not path.is_file():
                raise DataError("no such file", file=path)
            if isinstance(prior, Mapping):
                options["prior"] = ",".join(f"{name}={value}" for name, value in prior.items())
            if modifications:
                options["modifications"] = ",".join(modifications)
            answer = self._call_json(
                "POST", "/api/jobs", "id", data=options, file=path, headers=headers
            )
        return Job(self, answer["id"])

    def job(self, id: str) -> Job:
        """Return a job that was submitted before."""
        return Job(self, id)

    def explain(
        self, sequence: str, position: int, modification: str, *, prior: float | None = None
    ) -> dict[str, Any]:
        """Return what each base contributes to a site of a sequence; see the API page."""
        body = {"sequence": sequence, "position": position, "modification": modification,
                "prior": prior}  # fmt: skip
        return self._call_json("POST", "/api/explain", json=body)

    def variants(
        self,
        sequence: str,
        variants: str | Sequence[str],
        *,
        modifications: str | Sequence[str] = (),
        confidence: str | None = None,
        min_probability: float | None = None,
        prior: float | Mapping[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the effects of variants of a sequence, such as ``["A1216G"]``.

        A site is a candidate that reaches the tier `confidence` (medium by default) or the
        probability `min_probability`.
        """
        body = {
            "sequence": sequence,
            "variants": _as_list(variants),
            "modifications": _as_list(modifications),
            "confidence": confidence,
            "min_probability": min_probability,
            "prior": dict(prior) if isinstance(prior, Mapping) else prior,
        }
        answer = self._call_json("POST", "/api/variants", "variants", json=body)
        effects: list[dict[str, Any]] = answer["variants"]
        return effects

    def _call(
        self, method: str, path: str, *, file: Path | None = None, stream: bool = False,
        **values: Any,
    ) -> requests.Response:  # fmt: skip
        """Send a request, again after failures that may pass; raise its error."""
        problem = ""
        for attempt in range(self.retries + 1):
            wait = min(_LONGEST_WAIT, 0.5 * 2**attempt)
            try:
                with ExitStack() as stack:
                    if file is not None:
                        opened = stack.enter_context(_open(file))
                        values["files"] = {"file": (file.name, opened)}
                    answer = self._session.request(
                        method, self.url + path, timeout=self.timeout, stream=stream, **values
                    )
            except requests.RequestException as error:
                problem = f"{self.url}: no answer ({type(error).__name__})"
            else:
                if answer.ok:
                    return answer
                problem = _message(answer)
                if answer.status_code not in _RETRIED:
                    kind = UsageError if answer.status_code == 422 else DataError
                    raise kind(problem)
                after = answer.headers.get("Retry-After", "")
                wait = min(_LONGEST_WAIT, float(after)) if after.isdigit() else wait
            if attempt < self.retries:
                time.sleep(wait)
        raise DataError(problem)

    def _call_json(self, method: str, path: str, key: str = "", **values: Any) -> dict[str, Any]:
        """Send a request; return its answer, an object that has `key`, or raise DataError."""
        response = self._call(method, path, **values)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or (key and key not in answer):
            raise DataError(f"{self.url}: the answer is not that of a vqrna server")
        return answer


@dataclass(frozen=True)
class Job:
    """A job of a server."""

    client: Client = field(repr=False)
    id: str

    @property
    def url(self) -> str:
        """Address of the page of the job."""
        return f"{self.client.url}/jobs/{self.id}"

    def status(self) -> dict[str, Any]:
        """Return ``status``, ``progress``, ``queue_position``, ``error`` and more."""
        return self.client._call_json("GET", f"/api/jobs/{self.id}", "status")

    def wait(self, timeout: float | None = None) -> Job:
        """Wait until the job is done.

        Raises
        ------
        DataError
            If it fails, is cancelled, has expired, or takes longer than `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.2
        while True:
            state = self.status()
            if state["status"] == "done":
                return self
            if state["status"] not in ("queued", "running"):
                reason = f": {state['error']}" if state.get("error") else ""
                raise DataError(f"the job is {state['status']}{reason}")
            if end is not None and time.monotonic() > end:
                raise DataError(f"the job is still {state['status']} after {timeout:g} s")
            time.sleep(pause)
            pause = min(5.0, pause * 1.5)

    def sites(self) -> pd.DataFrame:
        """Return the sites as :attr:`vqrna.prediction.Prediction.sites`, and wait for them."""
        import pandas as pd

        self.wait()
        answer = self.client._call("GET", f"/api/jobs/{self.id}/results.parquet")
        table = pd.read_parquet(io.BytesIO(answer.content))
        for name in table.select_dtypes("category").columns:
            table[name] = table[name].astype(object).fillna("").astype(str)
        return table

    def download(self, path: str | PathLike[str], format: str | None = None) -> Path:
        """Write the sites to a file, and wait for them.

        Parameters
        ----------
        path : path-like
        format : str, optional
            ``tsv``, ``json``, ``bed``, ``bed.gz``, ``bedrmod`` or ``parquet``, or ``sequences.tsv``
            for the table by sequence; by default from the name of the file.
        """
        from vqrna.runtime.files import atomic_path

        target = Path(path)
        ending = format or _format_of(target.name)
        self.wait()
        answer = self.client._call("GET", f"/api/jobs/{self.id}/results.{ending}", stream=True)
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            try:
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
            except requests.RequestException as error:
                raise DataError(
                    f"{self.client.url}: the download ended too early ({type(error).__name__})"
                ) from None
        return target

    def delete(self) -> dict[str, Any]:
        """Cancel the job, or delete its files if it has ended; return its state."""
        return self.client._call_json("DELETE", f"/api/jobs/{self.id}")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=path) from None


def _as_list(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _format_of(name: str) -> str:
    """Return the format that the name of a file ends with; raises UsageError."""
    if name == "sequences.tsv":
        return name
    for format in _FORMATS:
        if name.endswith(f".{format}"):
            return format
    raise UsageError(
        f"unknown ending of '{name}' (known: {', '.join(_FORMATS)}): rename it, or give the format"
    )


def _message(answer: requests.Response) -> str:
    """Return the error of an answer in one line."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code} {answer.reason}"
