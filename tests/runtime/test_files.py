import errno
import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vqrna.errors import DataError
from vqrna.runtime.files import atomic_path, output_directory, output_files, probe_file, write_text

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def test_the_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "sites.tsv"
    with atomic_path(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_has_the_final_name_in_a_hidden_folder(tmp_path):
    with atomic_path(tmp_path / "sites.tsv.gz") as temporary:
        assert temporary.name == "sites.tsv.gz"
        assert temporary.parent.parent == tmp_path
        assert temporary.parent.name.startswith(".")
        with gzip.open(temporary, "wt") as file:
            file.write("x")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "sites.tsv"
    write_text(path, "old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_of_a_replaced_file_stay(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")
    path.chmod(0o640)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_text_has_unix_line_ends_and_utf8(tmp_path):
    write_text(tmp_path / "a", "Ψ\n")
    assert (tmp_path / "a").read_bytes() == b"\xce\xa8\n"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (".", "is a folder, not a file"),
        ("no/such", "the folder does not exist"),
        ("file/a", "a part of the path is a file"),
        ("x" * 300, "the name is too long"),
    ],
)
def test_impossible_places_are_told(tmp_path, place, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=words) as caught:
        write_text(tmp_path / place, "text")
    assert str(tmp_path) in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_error_names_the_file_as_the_user_did(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^no/such: cannot write"):
        write_text("no/such", "text")


@not_root
def test_an_unwritable_folder_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="no permission"):
        write_text(tmp_path / "a", "text")


@needs_full
def test_a_full_disk_is_told():
    with pytest.raises(DataError, match="/dev/full: cannot write: the disk is full"):
        write_text(FULL, "text" * 10_000)


def test_a_full_disk_is_recognised_inside_the_errors_of_compiled_writers(tmp_path):
    def write() -> None:
        with atomic_path(tmp_path / "model.safetensors") as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(DataError, match="the disk is full"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_errors_about_other_files_keep_their_own_words(tmp_path):
    def write() -> None:
        with atomic_path(tmp_path / "a"):
            (tmp_path / "input").open()

    with pytest.raises(FileNotFoundError, match="input"):
        write()


def test_devices_are_written_in_place():
    write_text("/dev/null", "text")
    assert not Path("/dev/null").is_file()


def test_errors_of_writers_that_are_given_a_temporary_path_name_the_final_one(tmp_path):
    def write():
        with output_files(tmp_path) as files:
            path = files.path("a.tsv")
            path.mkdir()
            write_text(path, "text")

    with pytest.raises(DataError) as error:
        write()
    assert str(error.value) == f"{tmp_path / 'a.tsv'}: cannot write: is a folder, not a file"


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd on this system")
@pytest.mark.parametrize("link", [False, True])
def test_pipes_are_written_in_place(tmp_path, link):
    reading, writing = os.pipe()
    path = Path(f"/dev/fd/{writing}")
    if link:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    probe_file(path)
    write_text(path, "by path\n")
    (tmp_path / "table.tsv").symlink_to(path)
    with output_files(tmp_path) as files:
        files.open("table.tsv").write(b"in a folder\n")
    os.close(writing)
    with open(reading) as file:  # noqa: PTH123  (a descriptor)
        assert file.read() == "by path\nin a folder\n"
    assert not list(tmp_path.glob(".part-*"))


def test_standard_output_is_written_in_place():
    code = "from vqrna.runtime.files import write_text; write_text('/dev/stdout', 'text\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("text\n", 0), done.stderr


def test_the_next_writer_sweeps_up_after_a_killed_one(tmp_path):
    path = tmp_path / "sites.tsv"
    code = (
        "import sys, time; from vqrna.runtime.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        write_text(path, "while the other one writes")
        assert len(list(tmp_path.iterdir())) == 2  # a living writer's file is left alone
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "while the other one writes"
    write_text(path, "new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_with_its_parents(tmp_path):
    made = output_directory(tmp_path / "a" / "b")
    assert made.is_dir()
    assert output_directory(made) == made


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(DataError, match="is a file, but results need a folder"):
        output_directory(tmp_path / "a")
    with pytest.raises(DataError, match="a part of the path is a file"):
        output_directory(tmp_path / "a" / "b")
    with pytest.raises(DataError, match="the name is too long"):
        output_directory(tmp_path / ("x" * 300))


@not_root
def test_a_folder_without_permission_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="no permission"):
        output_directory(tmp_path)
    with pytest.raises(DataError, match="no permission"):
        output_directory(tmp_path / "new")


def test_an_old_file_survives_a_writer_killed_at_any_moment(tmp_path):
    path = tmp_path / "sites.tsv"
    code = (
        "import sys; from vqrna.runtime.files import write_text\n"
        "print(flush=True)\n"
        "while True: write_text(sys.argv[1], 'whole\\n' * 20000)"
    )
    for wait in (0.0, 0.013, 0.05):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as p:
            p.stdout.readline()
            time.sleep(wait)
            p.kill()
        assert not path.exists() or path.read_text() == "whole\n" * 20000


NAMES = ("a", "b", "c")

KILLED = """
import os, sys
from pathlib import Path
from vqrna.runtime.files import output_files

folder, left = Path(sys.argv[1]), int(sys.argv[2])

def last(event, arguments):  # os.rename and os.replace both raise it
    global left
    if event == "os.rename":
        left -= 1
        if not left:
            os._exit(9)

with output_files(folder) as files:
    for name in "abc":
        files.path(name).write_text("new")
    files.remove("outdated")
    sys.addaudithook(last)
"""


def write_all(folder: Path, text: str) -> None:
    with output_files(folder) as files:
        for name in NAMES:
            files.path(name).write_text(text)
        files.remove("outdated")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_files_that_belong_together_appear_together(tmp_path):
    (tmp_path / "outdated").write_text("old")
    (tmp_path / "b").write_text("old")
    (tmp_path / "b").chmod(0o640)
    with output_files(tmp_path) as files:
        for name in NAMES:
            files.path(name).write_text("new")
        files.remove("outdated")
        assert contents(tmp_path) == {"b": "old", "outdated": "old"}
    assert contents(tmp_path) == dict.fromkeys(NAMES, "new")
    assert files.paths == [tmp_path / name for name in NAMES]
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640
    assert names_in(tmp_path) == list(NAMES)


@pytest.mark.parametrize("older", [True, False])
def test_a_rename_that_fails_leaves_all_files_as_they_were(tmp_path, monkeypatch, older):
    if older:
        write_all(tmp_path, "old")
    (tmp_path / "outdated").write_text("old")
    before = contents(tmp_path)
    real = os.rename, os.replace
    for call in range(1, 7 if older else 4):
        count = 0

        def fail(source, target, which, call=call):
            nonlocal count
            count += 1
            if count == call:
                raise OSError(errno.EIO, "Input/output error")
            real[which](source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", lambda *paths, f=fail: f(*paths, 0))
            patch.setattr(os, "replace", lambda *paths, f=fail: f(*paths, 1))
            with pytest.raises(DataError, match="input/output error"):
                write_all(tmp_path, "new")
        assert count >= call
        assert contents(tmp_path) == before
        assert names_in(tmp_path) == sorted(before)


@pytest.mark.parametrize("call", range(1, 7))
def test_a_kill_between_renames_loses_no_file(tmp_path, call):
    write_all(tmp_path, "old")
    (tmp_path / "outdated").write_text("old")
    words = [sys.executable, "-c", KILLED, tmp_path, str(call)]
    assert subprocess.run(words, check=False).returncode == 9
    there = contents(tmp_path)
    assert len(there) >= len(NAMES)  # at most one file is not at its place
    write_text(tmp_path / "other", "next writer")
    there = contents(tmp_path)
    renamed = (call - 1) // 2  # each older file is moved away, then the new one is renamed
    wanted = {name: "new" if i < renamed else "old" for i, name in enumerate(NAMES)}
    assert there == wanted | {"outdated": "old", "other": "next writer"}
    assert names_in(tmp_path) == sorted(there)
    write_all(tmp_path, "new")
    assert contents(tmp_path) == dict.fromkeys(NAMES, "new") | {"other": "next writer"}


def test_links_to_other_folders_stay_links(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "target")
    write_all(tmp_path / "out", "new")
    assert (tmp_path / "out" / "a").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    assert names_in(tmp_path) == ["out", "target"]


def test_ctrl_c_while_the_hidden_folder_is_created_leaves_nothing(tmp_path):
    code = f"""
import tempfile
from vqrna.runtime.files import write_text
real = tempfile.mkdtemp
def interrupted(**words):
    real(**words)
    raise KeyboardInterrupt
tempfile.mkdtemp = interrupted
write_text({str(tmp_path / "a.txt")!r}, "text")
"""
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert "KeyboardInterrupt" in done.stderr
    assert list(tmp_path.iterdir()) == []
