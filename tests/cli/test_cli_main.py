import errno
import os
import re
import resource
import signal
import subprocess
import sys
import tomllib
import warnings
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import typer

import vqrna
from vqrna import cli
from vqrna.cli.commands import COMMANDS as LISTED
from vqrna.errors import DataError, UsageError, missing_extra
from vqrna.runtime.provenance import command_line

ROOT = typer.main.get_command(cli.app)

COMMANDS = [
    [name, *words]
    for _, name, _ in LISTED
    for words in ([[inner] for inner in getattr(ROOT.commands[name], "commands", {})] or [[]])
]

VQRNA = [sys.executable, "-c", "from vqrna.cli import run; run()"]


@pytest.fixture
def command(monkeypatch):
    """Put a function in as the command ``vqrna try-it``, for one test."""

    def register(function):
        monkeypatch.setattr(cli.app, "registered_commands", list(cli.app.registered_commands))
        cli.app.command("try-it")(function)

    return register


def raising(error):
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize("words", [[], ["model"], *COMMANDS], ids=" ".join)
def test_flags_have_no_type_and_the_usage_no_braces(vqrna_main, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "150")
    done = vqrna_main(*words, "--help")
    assert "--help" in done.out
    assert "<bool>" not in done.out
    usage = next(line for line in done.out.splitlines() if "Usage:" in line)
    assert not re.search(r"[{}]|\[\[", usage), usage


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("predict", "vqrna predict [OPTIONS] FASTA..."),
        ("compare", "vqrna compare [OPTIONS] SITES BED"),
        ("model info", "vqrna model info [OPTIONS] [MODEL]"),
        ("model combine", "vqrna model combine [OPTIONS] MODEL..."),
        ("data split", "vqrna data split [OPTIONS] [SOURCE]"),
    ],
)
def test_the_usage_names_arguments_plainly(vqrna_main, words, usage):
    assert f"Usage: {usage} " in vqrna_main(*words.split(), "--help").out


def test_the_hint_of_every_extra_names_one_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    package = Path(vqrna.__file__).parent
    sources = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    # Which name pip needs depends on the installation: only missing_extra may say vqrna[...]
    assert [path.stem for path, text in sources.items() if "vqrna[" in text] == ["errors"]
    named = [extra for text in sources.values() for extra in re.findall(r"_extra\('(\w+)'\)", text)]
    assert len(named) >= 9
    assert set(named) <= set(extras)


CLONE = "'.[web]' in the folder of the repository"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ('{"url": "file:///a/vqrna", "dir_info": {"editable": true}}', CLONE),
        ('{"url": "file:///a/vqrna", "dir_info": {}}', CLONE),
        ('{"url": "file://FOLDER/a%20b.whl", "archive_info": {}}', "'FOLDER/a b.whl[web]'"),
        ('{"url": "file://FOLDER/gone.whl", "archive_info": {}}', "'vqrna[web]'"),
        (
            '{"url": "https://host/v-1.whl", "archive_info": {"hash": "sha256=1"}}',
            "'vqrna[web] @ https://host/v-1.whl'",
        ),
        ('{"url": "https://host/v", "vcs_info": {"vcs": "git"}}', "'vqrna[web]'"),
        (None, "'vqrna[web]'"),
        ("{", CLONE),
        ("[]", CLONE),
    ],
)
def test_the_hint_of_an_extra_depends_on_the_installation(tmp_path, monkeypatch, origin, expected):
    (tmp_path / "a b.whl").touch()
    folder = str(tmp_path)
    text = origin and origin.replace("FOLDER", folder)
    installed = SimpleNamespace(read_text={"direct_url.json": text}.get)
    monkeypatch.setattr(metadata, "distribution", {"vqrna": installed}.get)
    words = expected.replace("FOLDER", folder)
    assert missing_extra("web") == f"install it with pip install {words}"


def test_the_hint_of_an_extra_without_an_installation(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert missing_extra("web") == f"install it with pip install {CLONE}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["predict", "--top", "2.5"], "'--top': must be a whole number"),
        (["serve", "--port", "70000"], "'--port': must be at most 65535"),
        (["serve", "--days", "x"], "'--days': must be a number"),
    ],
)
def test_a_wrong_number_of_an_option_is_told_in_plain_words(vqrna_main, words, told):
    done = vqrna_main(*words)
    assert done.code == 2
    see = f"(see 'vqrna {words[0]} --help')"
    assert done.err == f"vqrna: error: Invalid value for {told} {see}\n"


def test_help_names_every_command_and_an_example(vqrna_main, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = vqrna_main("--help")
    assert done.code == 0
    assert "Example: vqrna predict" in done.out
    listed = re.findall(r"^│ ([a-z]+) ", done.out, flags=re.MULTILINE)
    assert listed == [name for _, name, _ in LISTED]
    assert {"predict", "join", "compare", "model", "train", "evaluate"} < set(listed)
    assert vqrna_main("-h").out == done.out


@pytest.mark.parametrize(("panel", "name", "summary"), LISTED, ids=[name for _, name, _ in LISTED])
def test_the_help_lists_commands_as_they_describe_themselves(panel, name, summary):
    command = ROOT.commands[name]
    assert summary == command.help.partition("\n\n")[0]
    assert (command.name, command.rich_help_panel) == (name, panel)


@pytest.mark.parametrize("words", [["--help"], [], ["predict", "--help"], ["data", "-h"]])
def test_the_program_writes_the_whole_help(vqrna_main, words, monkeypatch):
    """It imports less to write it."""
    monkeypatch.setenv("COLUMNS", "100")
    done = subprocess.run([*VQRNA, *words], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (vqrna_main(*words).out, 0 if words else 2)
    assert "Usage: vqrna" in done.stdout


def test_a_help_imports_no_other_command():
    program = (
        "import sys; from vqrna.cli import run; sys.argv = ['vqrna', *sys.argv[1:]]\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "names = [name.removeprefix('vqrna.cli.') for name in sys.modules]\n"
        "print('loaded', *sorted({'predict', 'train', 'model', 'study'} & set(names)))"
    )
    for words, expected in (
        [["--help"], []],
        [["train", "-h"], ["train"]],
        [["ablate", "-h"], ["study"]],
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1].split()[1:] == expected, done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(vqrna_main, words):
    done = vqrna_main(*words, "--help")
    assert done.code == 0
    assert f"Usage: vqrna {' '.join(words)}" in done.out
    assert done.err == ""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_text_of_a_help_fits_a_terminal(words):
    """typer keeps the line ends of a docstring: long lines would leave stubs of a word or two."""
    command = typer.main.get_command(cli.app)
    for word in words:
        command = command.commands[word]
    lines = (command.help or "").splitlines()
    assert lines
    assert max(map(len, lines)) <= 78


def test_brackets_in_a_help_are_shown(vqrna_main):
    text = " ".join(vqrna_main("train", "--help").out.replace("│", " ").split())
    assert "[model]" in text
    assert "[training]" in text


def test_no_command_shows_the_help_and_is_a_usage_fault(vqrna_main):
    done = vqrna_main()
    assert done.code == 2
    assert "Usage: vqrna" in done.out


def test_the_version_command_prints_what_a_report_needs(vqrna_main):
    done = vqrna_main("version")
    assert done.code == 0
    rows = dict(line.split(" ", 1) for line in done.out.splitlines())
    assert list(rows) == ["vqrna", "model", "Python", "torch"]
    assert rows["vqrna"] == vqrna.__version__
    assert rows["model"] == vqrna.load_model().hash
    assert rows["torch"] == torch.__version__


def test_the_short_version_is_a_bare_number(vqrna_main):
    done = vqrna_main("version", "--short")
    assert (done.code, done.out, done.err) == (0, f"{vqrna.__version__}\n", "")


def test_damaged_weights_do_not_keep_the_version_from_being_printed(vqrna_main, monkeypatch):
    monkeypatch.setattr("vqrna.model.weights.SHIPPED", Path("nowhere.safetensors"))
    done = vqrna_main("version")
    assert done.code == 0
    assert "model not usable (nowhere.safetensors: no such" in done.out


def test_version(vqrna_main):
    done = vqrna_main("--version")
    assert (done.code, done.out) == (0, f"vqrna {vqrna.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["doctr"], "No such command 'doctr'. Did you mean 'doctor'? (see 'vqrna --help')"),
        (["doctor", "--foo"], "No such option: --foo (see 'vqrna doctor --help')"),
        (["doctor", "x"], "Got unexpected extra argument(s) (x) (see 'vqrna doctor --help')"),
    ],
)
def test_usage_faults_are_one_line_and_exit_2(vqrna_main, arguments, line):
    done = vqrna_main(*arguments)
    assert done.code == 2
    assert done.err == f"vqrna: error: {line}\n"
    assert done.out == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            DataError("'E' is no base", file="a.fa", record="r1", line=7),
            1,
            "error: a.fa, record 'r1', line 7: 'E' is no base",
        ),
        (UsageError("length 50 is even"), 2, "error: length 50 is even"),
        (DataError("two\nlines"), 1, "error: two lines"),
        (KeyboardInterrupt(), 130, "stopped: interrupted"),
        (MemoryError(), 1, "error: out of memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            1,
            "error: out of memory",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: the disk is full"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a.fa"),
            1,
            "error: a.fa: No such file or directory",
        ),
        (
            ModuleNotFoundError("No module named 'umap'", name="umap"),
            1,
            "error: Python package 'umap' is not installed; 'vqrna doctor' shows how",
        ),
        (
            ZeroDivisionError("division by zero"),
            1,
            "error: unexpected ZeroDivisionError: division by zero "
            "(please report it with the output of --debug)",
        ),
    ],
)
def test_every_error_is_one_line_with_its_exit_code(vqrna_main, command, error, code, line):
    command(raising(error))
    done = vqrna_main("try-it")
    assert (done.code, done.out, done.err) == (code, "", f"vqrna: {line}\n")


@pytest.mark.parametrize("arguments", [["--debug", "try-it"], ["try-it", "--debug"]])
def test_debug_shows_the_traceback_before_and_after_the_command(vqrna_main, command, arguments):
    command(raising(DataError("bad", file="a.fa")))
    done = vqrna_main(*arguments)
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith("vqrna: error: a.fa: bad\n")


def test_debug_after_two_dashes_is_a_file_name(vqrna_main, command):
    def try_it(name: str) -> None:
        typer.echo(name)

    command(try_it)
    assert vqrna_main("try-it", "--", "--debug").out == "--debug\n"


@pytest.mark.parametrize(("code", "expected"), [(3, 3), (None, 0), ("words", 1)])
def test_a_command_may_choose_its_exit_code(vqrna_main, command, code, expected):
    command(raising(SystemExit(code)))
    assert vqrna_main("try-it").code == expected


def test_typer_exit_keeps_its_code(vqrna_main, command):
    command(raising(typer.Exit(4)))
    assert vqrna_main("try-it").code == 4


def test_warnings_are_one_line(vqrna_main, command):
    def try_it() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("look\nout", stacklevel=1)

    command(try_it)
    assert vqrna_main("try-it").err == "vqrna: warning: look out\n"


def test_a_command_knows_how_it_was_called(vqrna_main, command):
    def try_it(name: str) -> None:
        typer.echo(command_line())

    command(try_it)
    assert vqrna_main("try-it", "a b", "--debug").out == "vqrna try-it 'a b'\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_and_leaves_no_temporary_file(tmp_path, number, code):
    program = (
        "import sys, time; from vqrna import cli; from vqrna.runtime.files import atomic_path\n"
        "@cli.app.command()\n"
        "def wait(path: str) -> None:\n"
        "    with atomic_path(path) as temporary:\n"
        "        temporary.write_text('half'); print(flush=True); time.sleep(60)\n"
        "cli.run()"
    )
    words = [sys.executable, "-c", program, "wait", tmp_path / "a"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as process:
        process.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err.startswith("vqrna: stopped: ")
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*VQRNA, "--help"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_standard_output_is_told():
    with open("/dev/full", "w") as full:  # noqa: PTH123  (a device)
        done = subprocess.run(
            [*VQRNA, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "vqrna: error: the disk is full\n")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_is_quick_and_loads_nothing_heavy(option):
    program = (
        f"import sys; from vqrna.cli import run; sys.argv = ['vqrna', '{option}']\n"
        "try: run()\n"
        "except SystemExit as done: assert not done.code\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'pooch'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    # Against the import of what it needs, so that a slow or busy machine is no failure
    least = min(seconds_of("import typer, rich.console, rich.panel, rich.table") for _ in range(5))
    assert min(seconds_of(program) for _ in range(5)) < 2 * least


def seconds_of(program: str) -> float:
    """Return the processor time of a Python program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_an_interrupt_while_the_command_line_is_imported_is_one_line():
    program = """
import sys
from vqrna.__main__ import run

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "vqrna.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
run()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "vqrna: stopped: interrupted\n"
