"""The documentation site: every command and every public name has its page."""

import pytest
from benchmarks.site import api, commands

import vqrna


def test_every_command_has_a_page_with_its_options_and_functions():
    names = [command.name for command in commands.read_commands()]
    assert set(names) == set(commands.FUNCTIONS)
    predict = next(c for c in commands.read_commands() if c.name == "predict")
    page = commands.command_page(predict)
    assert "vqrna predict FASTA... --out DIR [OPTIONS]" in page
    assert "| `--confidence` `TIER` | medium" in page
    assert "::: vqrna.predict\n" in page


def test_the_functions_of_commands_exist():
    from pkgutil import resolve_name

    for names in commands.FUNCTIONS.values():
        for name in names:
            module, _, attribute = name.rpartition(".")
            assert callable(resolve_name(f"{module}:{attribute}"))


def test_every_public_name_is_in_the_reference(monkeypatch):
    text = "\n".join(api.pages().values())
    for name in set(vqrna.__all__) - {"__version__"}:
        assert f"::: vqrna.{name}\n" in text
    monkeypatch.setattr(vqrna, "__all__", [*vqrna.__all__, "forgotten"])
    with pytest.raises(ValueError, match="forgotten"):
        api.pages()
