"""Logs as one JSON object a line: never a sequence, a name or the whole identifier of a job."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time

LOGGER = logging.getLogger("vqrna.web")


class _JsonFormatter(logging.Formatter):
    """Format a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        values = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            values["traceback"] = _without_values(self.formatException(record.exc_info))
        return json.dumps(values, default=str)


def _without_values(text: str) -> str:
    """Return a traceback without the message of the error, which may quote the input."""
    lines = text.splitlines()
    if not lines:
        return text
    kept = [line for line in lines if line.startswith(("  ", "Traceback"))]
    return "\n".join([*kept, lines[-1].partition(":")[0]])


def configure_logs() -> None:
    """Write logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(logging.INFO)


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with fields."""
    LOGGER.log(level, event, extra={"fields": fields})


def short(id: str) -> str:
    """Return a name of a job for logs, from which its link cannot be derived."""
    return hashlib.sha256(id.encode()).hexdigest()[:10]
