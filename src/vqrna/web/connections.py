"""Close connections on which no request arrives in time."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0
"""Seconds from the first byte of a request, or from the connection, to the end of its headers."""


class TimedConnection(H11Protocol):
    """HTTP/1.1 whose request headers have to arrive within `HEADER_SECONDS`.

    uvicorn waits for headers as long as single bytes arrive. It refuses requests beyond a number
    of connections, so a client that opens that many and never completes a request would keep all
    others out.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Start the time of the next request, or end it when all headers are here."""
        if not self._in_request and self._deadline is None:
            self._start()
        super().data_received(data)
        if self._in_request:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop()
        super().connection_lost(exc)

    @property
    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._close)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if not self._in_request:
            self.transport.close()
