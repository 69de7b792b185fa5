import shlex

from hypothesis import given
from hypothesis import strategies as st

import vqrna
from vqrna.runtime.provenance import FROM_PYTHON, command_line, header_lines, running


def test_a_call_from_python_says_so():
    assert command_line() == FROM_PYTHON


def test_the_command_is_known_while_it_runs():
    with running(["predict", "my file.fa"]):
        assert command_line() == "vqrna predict 'my file.fa'"
        with running(["model", "info"]):
            assert command_line() == "vqrna model info"
        assert command_line() == "vqrna predict 'my file.fa'"
    assert command_line() == FROM_PYTHON


@given(st.lists(st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"))))
def test_the_command_can_be_typed_again(arguments):
    with running(arguments):
        assert shlex.split(command_line()) == ["vqrna", *arguments]


def test_header_lines_tell_version_command_model_and_more():
    with running(["predict", "a.fa"]):
        assert header_lines("abc", priors="Am=0.0003", call_tier="medium") == [
            f"# vqrna {vqrna.__version__}",
            "# command: vqrna predict a.fa",
            "# model: abc",
            "# priors: Am=0.0003",
            "# call tier: medium",
        ]


def test_header_lines_are_the_same_every_time():
    assert header_lines("abc", "x") == header_lines("abc", "x")
    assert header_lines(command="x") == [f"# vqrna {vqrna.__version__}", "# command: x"]


@given(st.text())
def test_nothing_breaks_out_of_a_header_line(text):
    with running([text]):
        for line in header_lines("abc", note=text):
            assert line.startswith("# ")
            assert "\n" not in line
            assert "\r" not in line
