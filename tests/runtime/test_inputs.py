"""Output never replaces a file that the command reads."""

import pytest

from vqrna.errors import UsageError
from vqrna.runtime.files import atomic_path, output_files
from vqrna.runtime.inputs import protecting_inputs


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "in.tsv"
    path.write_text("kept")
    return path


@pytest.mark.parametrize("form", ["{}", "--known={}"])
def test_an_input_is_not_replaced(given, form, tmp_path):
    link = tmp_path / "link.tsv"
    link.hardlink_to(given)
    with protecting_inputs(["compare", form.format(given), "--out", str(tmp_path)]):
        for path in (given, link):
            with (
                pytest.raises(UsageError, match="would replace the input"),
                atomic_path(path) as new,
            ):
                new.write_text("lost")
            with (
                pytest.raises(UsageError, match="would replace the input"),
                output_files(tmp_path) as files,
            ):
                files.path(path.name).write_text("lost")
            with (
                pytest.raises(UsageError, match="would replace the input"),
                output_files(tmp_path) as files,
            ):
                files.remove(path.name)
    assert given.read_text() == "kept"
    with atomic_path(given) as new:  # another command
        new.write_text("new")
    assert given.read_text() == "new"


@pytest.mark.parametrize("option", ["--out", "--config"])
def test_older_results_and_settings_are_replaced(given, option):
    for words in ([option, str(given)], [f"{option}={given}"]):
        with protecting_inputs(["tune", *words]), atomic_path(given) as new:
            new.write_text(" ".join(words))
        assert given.read_text() == " ".join(words)
