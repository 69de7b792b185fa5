"""The picture of the packages: the committed file has the present packages and imports."""

from benchmarks.architecture import PICTURE, drawn_names, expected_names


def test_the_committed_picture_is_current():
    drawn, expected = drawn_names(), expected_names()
    assert expected - drawn == set(), "run `make architecture`"
    stale = {name for name in drawn - expected if " imports " in name or name.endswith(")")}
    assert stale == set(), "run `make architecture`"
    assert PICTURE.exists()
