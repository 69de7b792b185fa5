"""Connections that send their requests slowly."""

import asyncio
import socket
import time

import pytest
import uvicorn

from vqrna.web import connections
from vqrna.web.connections import TimedConnection

WAIT = 0.4
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def app(scope, receive, send):
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * WAIT)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def send(monkeypatch):
    """Send parts of a request with pauses of a quarter of the limit; give answer and time."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", WAIT)
    config = uvicorn.Config(app, http=TimedConnection, lifespan="off", ws="none", log_config=None)

    def parts_in_order(host, port, parts):
        started = time.monotonic()
        with socket.create_connection((host, port)) as client:
            client.settimeout(10 * WAIT)
            try:
                for part in parts:
                    client.sendall(part)
                    time.sleep(WAIT / 4)
                answer = client.recv(1000)
            except (BrokenPipeError, ConnectionResetError):
                answer = b""
        return answer, time.monotonic() - started

    async def served(parts):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve(sockets=[listening]))
            where = listening.getsockname()
            result = await asyncio.to_thread(parts_in_order, *where, parts)
            server.should_exit = True
            await task
        return result

    return lambda *parts: asyncio.run(served(parts))


def test_headers_that_never_end_are_cut_off(send):
    answer, seconds = send(REQUEST + b"X-Slow: ", *[b"a"] * 40)
    assert answer == b""
    assert seconds < 5 * WAIT


def test_a_connection_without_a_request_is_closed(send):
    assert send()[0] == b""


def test_headers_in_parts_and_a_slow_answer_are_served(send):
    assert send(REQUEST, b"X-One: 1\r\n", b"\r\n")[0].startswith(b"HTTP/1.1 204")
    slow = REQUEST.replace(b"/ ", b"/slow ", 1)
    assert send(slow + b"\r\n")[0].startswith(b"HTTP/1.1 204")


def test_a_second_request_has_its_own_time(send):
    whole = REQUEST + b"\r\n"
    answer, _ = send(whole, b"", b"", b"", whole)
    assert answer.count(b"HTTP/1.1 204") == 2
    answer, seconds = send(whole, REQUEST, *[b"X-Slow: a\r\n"] * 40)
    assert answer.count(b"HTTP/1.1 204") <= 1
    assert seconds < 6 * WAIT
