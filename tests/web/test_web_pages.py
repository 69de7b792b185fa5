"""Pages without a browser: what they hold, and that every link leads somewhere."""

import re

import pytest

from vqrna.sites import FLAGS
from vqrna.web.panels import FLAG_MEANINGS
from web.serving import DEMO


@pytest.fixture(scope="module")
def job(shared):
    return shared.finished(confidence="low")


def test_every_link_of_the_pages_leads_somewhere(shared, job):
    seen, waiting = set(), ["/", f"/jobs/{job}", f"/jobs/{job}?tab=downloads", "/modifications.css"]
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 400:
            continue
        seen.add(path)
        answer = shared.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        if "text/html" not in answer.headers["content-type"]:
            continue
        for link in re.findall(r'(?:href|src)="(/[^"#]*)', answer.text):
            link = link.replace("&amp;", "&")
            if not re.match(r"/atlas(/\d+|\?)", link) or "/366" in link:
                waiting.append(link)
    assert {"/model", "/method", "/privacy", "/api", "/spectrum", "/atlas"} <= seen


def test_the_check_reports_records_and_errors(shared):
    answer = shared.client.post("/check", data={"fasta": ">a\nACGUNN\n"}, files={"x": ("", b"")})
    assert "1 record, 6 nt" in answer.text
    assert "2 letters" in answer.text
    answer = shared.client.post("/check", data={"fasta": ">a\nMQV\n"}, files={"x": ("", b"")})
    assert "line 2" in answer.text
    assert list((shared.server.settings.data / "checks").iterdir()) == []


def test_an_error_keeps_the_text_of_the_form(shared):
    answer = shared.client.post(
        "/jobs", files={"x": ("", b"")}, data={"fasta": ">a\nMQV\n", "modifications": ["m6A"]}
    )
    assert answer.status_code == 400
    assert "MQV" in answer.text
    assert "line 2" in answer.text


def test_a_form_is_answered_with_the_page_of_the_job(shared):
    answer = shared.client.post(
        "/jobs",
        files={"x": ("", b"")},
        data={"fasta": DEMO, "modifications": ["m6A", "m5U"], "prior_m6A": "0.01"},
        follow_redirects=False,
    )
    assert answer.status_code == 303
    id = answer.headers["location"].rpartition("/")[2]
    assert shared.server.job(id).options["modifications"] == ["m5U", "m6A"]
    assert shared.server.job(id).options["prior"] == {"m6A": 0.01}
    assert "Waiting" in shared.client.get(f"/jobs/{id}").text
    shared.client.post(f"/jobs/{id}/delete")
    assert "cancelled" in shared.client.get(f"/jobs/{id}").text


def test_the_table_is_sorted_and_filtered(shared, job):
    def positions(**values):
        text = shared.client.get(f"/jobs/{job}/table", params=values).text
        symbols = re.findall(r'data-modification="(\w+)"', text)
        return symbols, re.findall(r'data-position="(\d+)"', text)

    everything = positions()
    assert len(everything[0]) > 4
    assert set(positions(modification="m5U")[0]) == {"m5U"}
    up = [int(p) for p in positions(sort="position", direction="up")[1]]
    down = [int(p) for p in positions(sort="position", direction="down")[1]]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert positions(search="nobody")[0] == []
    assert positions(sort="'; DROP TABLE jobs")[0] == everything[0]


def test_the_panel_of_a_site(shared, job):
    with shared.answering():
        answer = shared.client.get(
            f"/jobs/{job}/site", params={"sequence": 4, "position": 301, "modification": "m5U"}
        )
        wrong = shared.client.get(
            f"/jobs/{job}/site",
            params={"sequence": 4, "position": 305, "modification": "m5U"},
            headers={"hx-request": "true"},
        )
    for words in ("What each base contributes", "GUUCRANYC", "in line with the site", "Strongest"):
        assert words in answer.text
    assert wrong.status_code == 422
    assert "cannot carry m5U" in wrong.text
    assert "<html" not in wrong.text


def test_variants_as_a_fragment(shared, job):
    with shared.answering():
        answer = shared.client.post(
            f"/jobs/{job}/variants", data={"variants": "U301C", "sequence": "4"}
        )
    assert "change-loss" in answer.text
    assert "<svg" in answer.text


def test_a_form_without_a_tier_needs_a_limit(shared):
    fields = {"fasta": DEMO, "confidence": "none"}
    answer = shared.client.post("/jobs", files={"x": ("", b"")}, data=fields)
    assert answer.status_code == 422
    assert "no tier" in answer.text
    answer = shared.client.post(
        "/jobs", files={"x": ("", b"")}, data={**fields, "min_probability": "0.05"},
        follow_redirects=False,
    )  # fmt: skip
    id = answer.headers["location"].rpartition("/")[2]
    options = shared.server.job(id).options
    assert (options["confidence"], options["min_probability"]) == (None, 0.05)
    shared.client.post(f"/jobs/{id}/delete")


def test_flags_of_the_table_are_explained(shared, job):
    assert set(FLAG_MEANINGS) == set(FLAGS)
    text = shared.client.get(f"/jobs/{job}/table").text
    assert text.count("The window of the site extends beyond an end of the sequence.") >= 2
    assert "The sequence is shorter than the window" not in text


def test_atlas_pages(shared):
    assert shared.server.atlas is not None, "run make web-atlas for the shipped model"
    text = shared.client.get("/atlas", params={"type": "m6A"}).text
    assert "DRACH" not in text
    assert "GAAC" in text
    assert shared.client.get("/atlas/99999", headers={"accept": "text/html"}).status_code == 404
    assert shared.client.get("/atlas", params={"type": "x"}).status_code == 404
    assert shared.client.get("/atlas", params={"search": "GGAC"}).status_code == 200


def test_an_expired_job_says_so(running):
    id = running.finished()
    running.client.delete(f"/api/jobs/{id}")
    answer = running.client.get(f"/jobs/{id}")
    assert answer.status_code == 410
    assert "deleted by its owner" in answer.text
