import io
from itertools import chain, repeat

import pytest

from vqrna.runtime import progress as module
from vqrna.runtime.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_short_work_says_nothing_off_a_terminal(capsys):
    with progress(10, "predicting", unit="nt") as bar:
        bar.advance(4)
        bar.advance()
        assert bar.done == 5
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    with progress(2000, "predicting", unit="nt") as bar:
        bar.note("chr1")
        bar.advance(1000)
        bar.say("halfway")
    out, err = capsys.readouterr()
    first, second = err.splitlines()  # and none at the end, where nothing is new
    assert out == ""
    assert first.startswith("predicting: 1,000 of 2,000 nt (50%)")
    assert first.endswith("chr1")
    assert second == "halfway"


def test_the_last_line_comes_before_other_lines_and_once(capsys, monkeypatch):
    now = chain([0.0, 30.0, 30.0, 31.0, 31.0], repeat(32.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress(4, "epoch", unit="windows") as bar:
        bar.advance(2)
        bar.advance(2)
        bar.say("summary")
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("epoch: 2 of 4")
    assert second.startswith("epoch: 4 of 4 windows (100%)")
    assert last == "summary"


def test_work_of_unknown_length_has_a_last_line(capsys, monkeypatch):
    now = chain([0.0, 30.0, 30.0], repeat(31.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress(None, "reading", unit="records") as bar:
        bar.advance(3)
        bar.advance(2)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["reading: 3 records", "reading: 5 records"]


def test_unknown_totals_have_no_share(capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    with progress(None, "reading", unit="records") as bar:
        bar.advance(3)
    assert capsys.readouterr().err.splitlines()[0].startswith("reading: 3 records, ")


def test_high_rates_are_whole_numbers(capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    now = chain([0.0], repeat(10.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress(None, "predicting", unit="nt") as bar:
        bar.advance(809_000)
    assert capsys.readouterr().err.splitlines()[0].endswith("809,000 nt, 80,900 nt/s")


def test_lines_tell_the_time_to_go(capsys, monkeypatch):
    now = chain([0.0, 30.0, 30.0, 120.0, 120.0], repeat(140.0))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress(4000, "predicting", unit="nt") as bar:
        bar.advance(1000)
        bar.advance(2000)
        bar.advance(1000)
    first, second, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("33.3 nt/s, 90 s to go")
    assert second.endswith("25 nt/s, 40 s to go")
    assert all("to go" not in line for line in rest)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (99, "99 s"), (600, "10 min"), (12_000, "3 h 20 min")]
)
def test_times_are_told_as_people_do(seconds, words):
    assert module.duration(seconds) == words


@pytest.mark.parametrize("total", [2000, None])
def test_a_terminal_gets_a_bar(monkeypatch, total):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress(total, "predicting", unit="nt") as bar:
        bar.advance(1000)
        bar.note("[chr1]")
        bar.say("a line that [stays]")
    shown = terminal.getvalue()
    assert bar.done == 1000
    for part in ("predicting", "1,000", "nt", "[chr1]", "a line that [stays]"):
        assert part in shown


def test_silence_where_it_is_wanted(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress(10, "predicting", show=False) as bar:
        bar.advance(3)
        bar.note("x")
        bar.say("y")
    assert terminal.getvalue() == ""
    assert bar.done == 3


def test_work_goes_on_without_stderr(monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    closed = io.StringIO()
    monkeypatch.setattr("sys.stderr", closed)
    with progress(10, "predicting") as bar:
        bar.advance()
        closed.close()
        bar.advance()
        bar.say("a line")
    for nothing in (closed, None):
        monkeypatch.setattr("sys.stderr", nothing)
        with progress(10, "predicting") as bar:
            bar.advance()
            assert bar.done == 1
