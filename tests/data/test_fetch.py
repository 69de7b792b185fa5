from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vqrna.data import fetch as fetching
from vqrna.data.fetch import FetchReport, fetch_data
from vqrna.errors import DataError, UsageError
from vqrna.modifications import modification

AM = (modification("Am"),)
NAMES = ("1-0.fasta", "1-1.fasta")


@dataclass
class Home:
    """A server of made-up files that can break in all the ways there are."""

    files: dict[str, bytes]
    ranges: bool = True
    etag: str | None = '"one"'
    cut_after: int | None = None  # bytes of an answer after which the connection breaks
    cuts: int = 0  # how many answers are cut
    status: int | None = None
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        home: Home = self.server.home  # type: ignore[attr-defined]
        name = self.path.removeprefix("/data/")
        body, start, status = home.files.get(name), 0, home.status or 200
        wanted = self.headers["Range"]
        if body is None:
            status = 404
        elif wanted and home.ranges and self.headers["If-Range"] == home.etag and status == 200:
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            if start >= len(body):
                status = 416
        home.asked.append((name, wanted, status))
        answer = body[start:] if body is not None and status in (200, 206) else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if home.etag is not None:
            self.send_header("ETag", home.etag)
        if status == 206 and body is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if home.cut_after is not None and home.cuts > 0 and len(answer) > home.cut_after:
            home.cuts -= 1
            self.wfile.write(answer[: home.cut_after])
            self.close_connection = True
            return
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep silent."""


def content(letter: str) -> bytes:
    return b"".join(b">%d\n%s\n" % (i, letter.encode() * 101) for i in range(3000))


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    splits = ("train", "valid", "test")
    home = Home(
        {f"{split}/{name}": content("ACG"[i]) for i, split in enumerate(splits) for name in NAMES}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.home = home  # type: ignore[attr-defined]
    home.address = f"http://127.0.0.1:{server.server_port}/data"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield home
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(folder: Path, home: Home, **options) -> FetchReport:
    options = {"base": home.address, "modifications": AM, "splits": ["train"], **options}
    return fetch_data(folder, show_progress=False, **options)


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def statuses(report: FetchReport) -> list[str]:
    return report.files["status"].tolist()


def test_fetches_all_splits_and_keeps_checksums(tmp_path: Path, home: Home) -> None:
    report = fetch(tmp_path / "new" / "data", home, splits=("train", "valid", "test"))
    folder = report.directory
    assert statuses(report) == ["fetched"] * 6
    assert tree(folder) == sorted([*home.files, "SHA256SUMS", "run.json"])
    for name, body in home.files.items():
        assert (folder / name).read_bytes() == body
    lines = [f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in home.files.items()]
    assert (folder / "SHA256SUMS").read_text() == "".join(sorted(lines, key=lambda line: line[66:]))
    assert report.files["bytes"].tolist() == [len(body) for body in home.files.values()]


def test_what_is_there_is_not_fetched_again(tmp_path: Path, home: Home) -> None:
    fetch(tmp_path, home)
    home.asked.clear()
    assert statuses(fetch(tmp_path, home)) == ["present", "present"]
    assert home.asked == []
    (tmp_path / "train" / "1-0.fasta").unlink()
    assert statuses(fetch(tmp_path, home)) == ["fetched", "present"]


def test_a_file_that_was_changed_here_is_fetched_again(tmp_path: Path, home: Home) -> None:
    fetch(tmp_path, home)
    (tmp_path / "train" / "1-0.fasta").write_text(">spoilt\n")
    assert statuses(fetch(tmp_path, home)) == ["fetched", "present"]
    assert (tmp_path / "train" / "1-0.fasta").read_bytes() == home.files["train/1-0.fasta"]


def test_a_file_that_changed_on_the_server_is_told(tmp_path: Path, home: Home) -> None:
    fetch(tmp_path, home)
    (tmp_path / "train" / "1-0.fasta").unlink()
    home.files["train/1-0.fasta"] = content("U")
    report = fetch(tmp_path, home)
    assert statuses(report) == ["failed", "present"]
    assert "does not have the checksum" in report.files["detail"][0]
    assert tree(tmp_path) == ["SHA256SUMS", "run.json", "train/1-1.fasta"]


def test_the_user_s_checksums_are_held(tmp_path: Path, home: Home) -> None:
    right = hashlib.sha256(home.files["train/1-0.fasta"]).hexdigest()
    sums = tmp_path / "sums.txt"
    sums.write_text(f"# mine\n{right.upper()} *./train/1-0.fasta\n{'0' * 64}  train/1-1.fasta\n")
    assert statuses(fetch(tmp_path / "data", home, checksums=sums)) == ["fetched", "failed"]
    sums.write_text("nonsense\n")
    with pytest.raises(DataError, match=r"sums\.txt, line 1: invalid checksum"):
        fetch(tmp_path / "data", home, checksums=sums)


def test_missing_files_are_named_and_the_rest_goes_on(tmp_path: Path, home: Home) -> None:
    del home.files["train/1-0.fasta"]
    report = fetch(tmp_path, home)
    assert statuses(report) == ["missing", "fetched"]
    assert report.with_status("missing")["file"].tolist() == ["train/1-0.fasta"]


def test_a_server_with_nothing_is_an_error(tmp_path: Path, home: Home) -> None:
    home.files.clear()
    with pytest.raises(DataError, match=r"has none of the requested files, such as train/1-0"):
        fetch(tmp_path, home)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("ranges", [True, False], ids=["resumes", "begins-again"])
def test_a_broken_connection_is_taken_up_again(tmp_path: Path, home: Home, ranges: bool) -> None:
    home.ranges, home.cut_after, home.cuts = ranges, 200_000, 1
    report = fetch(tmp_path, home)
    assert statuses(report) == ["fetched", "fetched"]
    assert (tmp_path / "train/1-0.fasta").read_bytes() == home.files["train/1-0.fasta"]
    (_, _, first), (_, wanted, second), _ = home.asked
    assert wanted is not None
    assert wanted.startswith("bytes=")
    assert (first, second) == (200, 206 if ranges else 200)


def test_without_a_version_nothing_is_patched_together(tmp_path: Path, home: Home) -> None:
    home.etag, home.cut_after, home.cuts = None, 200_000, 1
    assert statuses(fetch(tmp_path, home)) == ["fetched", "fetched"]
    assert [wanted for _, wanted, _ in home.asked] == [None] * 3


def test_a_transfer_that_breaks_for_good_goes_on_in_the_next_run(
    tmp_path: Path, home: Home
) -> None:
    home.cut_after, home.cuts = 60_000, 4
    with pytest.raises(DataError, match="the connection broke") as caught:
        fetch(tmp_path, home)
    assert "the same command again to resume" in str(caught.value)
    assert tree(tmp_path) == [".partial/train_1-0.fasta", ".partial/train_1-0.fasta.version"]
    came = (tmp_path / ".partial/train_1-0.fasta").stat().st_size
    assert came > 50_000
    home.asked.clear()
    assert statuses(fetch(tmp_path, home)) == ["fetched", "fetched"]
    assert home.asked[0] == ("train/1-0.fasta", f"bytes={came}-", 206)
    assert (tmp_path / "train/1-0.fasta").read_bytes() == home.files["train/1-0.fasta"]
    assert tree(tmp_path) == ["SHA256SUMS", "run.json", "train/1-0.fasta", "train/1-1.fasta"]


def test_a_file_that_changed_between_two_runs_is_fetched_whole(tmp_path: Path, home: Home) -> None:
    home.cut_after, home.cuts = 60_000, 4
    with pytest.raises(DataError):
        fetch(tmp_path, home)
    home.files["train/1-0.fasta"], home.etag = content("U"), '"two"'
    fetch(tmp_path, home)
    assert (tmp_path / "train/1-0.fasta").read_bytes() == content("U")


def test_a_partial_file_that_is_whole_already(tmp_path: Path, home: Home) -> None:
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial/train_1-0.fasta").write_bytes(home.files["train/1-0.fasta"])
    (tmp_path / ".partial/train_1-0.fasta.version").write_text('"one"')
    assert statuses(fetch(tmp_path, home)) == ["fetched", "fetched"]
    assert [status for _, _, status in home.asked] == [416, 200, 200]


def test_a_login_page_is_no_data(tmp_path: Path, home: Home) -> None:
    home.files["train/1-0.fasta"] = b"<html>Please log in</html>"
    report = fetch(tmp_path, home)
    assert statuses(report) == ["failed", "fetched"]
    assert "not FASTA" in report.files["detail"][0]
    assert tree(tmp_path) == ["SHA256SUMS", "run.json", "train/1-1.fasta"]


def test_a_refusal_is_told_and_a_busy_server_is_asked_again(tmp_path: Path, home: Home) -> None:
    home.status = 403
    assert statuses(fetch(tmp_path, home)) == ["failed", "failed"]
    home.status = 503
    home.asked.clear()
    with pytest.raises(DataError, match="the server answers 503"):
        fetch(tmp_path, home)
    assert len(home.asked) == fetching.ATTEMPTS


def test_no_server_is_one_clear_line(tmp_path: Path, home: Home) -> None:
    with pytest.raises(DataError, match="the server refuses the connection") as caught:
        fetch(tmp_path, home, base="http://127.0.0.1:9/data")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_keeps_what_came(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = fetching.Path.open

    class Interrupting:
        def __init__(self, file) -> None:
            self.file, self.writes = file, 0

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, chunk: bytes) -> None:
            self.file.write(chunk)
            self.writes += 1
            if self.writes == 2:
                raise KeyboardInterrupt

    def opened(path: Path, mode: str = "r", *args, **options):
        file = write(path, mode, *args, **options)
        return Interrupting(file) if mode == "wb" and ".partial" in str(path) else file

    monkeypatch.setattr(fetching.Path, "open", opened)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, home)
    monkeypatch.undo()
    assert (tmp_path / ".partial/train_1-0.fasta").stat().st_size == 2 << 13
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert statuses(fetch(tmp_path, home)) == ["fetched", "fetched"]
    assert home.asked[1] == ("train/1-0.fasta", f"bytes={2 << 13}-", 206)


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown split 'dev'"):
        fetch_data(tmp_path, splits=["dev"])
    with pytest.raises(UsageError, match="is not an address"):
        fetch_data(tmp_path, base="ftp://example.org")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        fetch_data(tmp_path / "file", base="http://127.0.0.1:9")
