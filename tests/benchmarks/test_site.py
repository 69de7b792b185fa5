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


def test_values_and_their_intervals_are_not_broken():
    from benchmarks.site import hooks

    html = "<td>0.955 (0.950–0.961)</td><td>+0.01 (-0.02 to +0.03) x</td><td>12 (3 of 4)</td>"
    assert hooks.on_page_content(html) == (
        '<td><span class="interval">0.955 (0.950–0.961)</span></td>'
        '<td><span class="interval">+0.01 (-0.02 to +0.03)</span> x</td><td>12 (3 of 4)</td>'
    )
