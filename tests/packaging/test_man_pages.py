"""Man pages have every command and option, and groff reads them without warnings."""

import shutil
import subprocess

import pytest
import typer

from packaging_scripts import load
from vqrna import cli


@pytest.fixture(scope="module")
def pages():
    return load("man_pages").pages()


def commands(words, command):
    yield words, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands((*words, name), each)


def test_every_option_is_on_the_page_of_its_command(pages):
    every = list(commands(("vqrna",), typer.main.get_command(cli.app)))
    assert set(pages) == {"-".join(words) + ".1" for words, _ in every}
    for words, command in every:
        text = pages["-".join(words) + ".1"]
        for parameter in command.params:
            for name in parameter.opts if parameter.param_type_name == "option" else ():
                assert name.replace("-", r"\-") in text, (words, name)


def test_groff_accepts_every_page(pages, tmp_path):
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff")
    for name, text in pages.items():
        done = subprocess.run(
            [groff, "-man", "-Tutf8", "-ww", "-Kutf8"],
            input=text, capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, name
        assert done.stderr == "", (name, done.stderr)


def test_text_is_not_read_as_a_request():
    escape = load("man_pages").escape
    assert escape(".SH x") == r"\&.SH x"
    assert escape(r"a\b -c") == r"a\eb \-c"
    assert escape("[bold]x[/]") == "x"
