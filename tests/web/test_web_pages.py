"""Pages without a browser: what they hold, and that every link leads somewhere."""

import dataclasses
import io
import json
import re

import pandas as pd
import pytest

from vqrna.nn.model import EnsembleNetwork
from vqrna.sites import FLAGS
from vqrna.web.options import JobOptions
from vqrna.web.pages import form_address
from vqrna.web.panels import FLAG_MEANINGS
from web.serving import DEMO, serving, shipped


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


def test_the_form_states_how_many_records_there_may_be(shared):
    text = shared.client.get("/").text
    assert "(FASTA, one or more records)" in text
    assert "Up to 1,000 records" in text


def test_the_check_reports_records_and_errors(shared):
    answer = shared.client.post("/check", data={"fasta": ">a\nACGUNN\n"}, files={"file": ("", b"")})
    assert "1 record, 6 nt" in answer.text
    assert "2 letters" in answer.text
    answer = shared.client.post("/check", data={"fasta": ">a\nMQV\n"}, files={"file": ("", b"")})
    assert "line 2" in answer.text
    assert list((shared.server.settings.data / "checks").iterdir()) == []


def test_an_error_keeps_the_text_of_the_form(shared):
    answer = shared.client.post(
        "/jobs", files={"file": ("", b"")}, data={"fasta": ">a\nMQV\n", "modifications": ["m6A"]}
    )
    assert answer.status_code == 400
    assert "MQV" in answer.text
    assert "line 2" in answer.text


def test_a_form_is_answered_with_the_page_of_the_job(shared):
    answer = shared.client.post(
        "/jobs",
        files={"file": ("", b"")},
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


def test_a_site_of_which_one_in_a_thousand_is_expected(shared, job):
    url = f"/api/jobs/{job}/track"
    tracks = shared.client.get(url, params={"sequence": 4, "bins": 4000}).json()["tracks"]
    symbol, position = next(
        (track["modification"], position)
        for track in tracks
        for position, p in zip(track["positions"], track["probabilities"], strict=True)
        if 0.0006 < p < 0.0014
    )
    with shared.answering():
        place = {"sequence": 4, "position": position, "modification": symbol}
        text = shared.client.get(f"/jobs/{job}/site", params=place).text
    assert "Of 1,000 such sites, about 1 is expected to be modified" in text


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


def test_a_result_leads_to_a_form_with_its_options(shared, job):
    page = shared.client.get(f"/jobs/{job}").text
    address = re.search(r'href="([^"]*)"[^>]*>New job<', page)[1]
    form = shared.client.get(address).text
    assert re.search(r'value="low" checked', form)


def test_an_ensemble_has_reasons_but_no_codes(tmp_path):
    single = shipped()
    network = EnsembleNetwork([single.network, single.network])
    ensemble = dataclasses.replace(single, network=network, hash="0123456789ab")
    with serving(tmp_path, used=ensemble) as running:
        job = running.finished(modifications=["m5U"])
        site = {"sequence": 4, "position": 301, "modification": "m5U"}
        with running.answering():
            panel = running.client.get(f"/jobs/{job}/site", params=site).text
            variants = running.client.post(f"/jobs/{job}/variants", data={"variants": "301del"})
        assert "What each substitution would do" in panel
        assert "ensemble of 2 networks" in panel
        assert variants.status_code == 200
        for page in ("/atlas", "/spectrum", "/method"):
            assert "ensemble of 2" in running.client.get(page).text, page


def test_a_wrong_option_is_shown_where_it_was_entered(shared):
    fields = {"fasta": DEMO, "prior_m6A": "0,01"}
    page = shared.client.post("/jobs", files={"file": ("", b"")}, data=fields).text
    assert "Invalid prior &#39;0,01&#39; of m6A" in page
    assert re.search(r"<details[^>]* open>", page)
    assert not re.search(r"<details[^>]* open>", shared.client.get("/").text)
    misspelt = {"fasta": DEMO, "min_probabilty": "0.1"}
    answer = shared.client.post("/api/jobs", files={"file": ("", b"")}, data=misspelt)
    assert answer.status_code == 422
    assert answer.json()["error"] == "unknown field 'min_probabilty'"


def test_variants_as_a_fragment(shared, job):
    with shared.answering():
        answer = shared.client.post(
            f"/jobs/{job}/variants", data={"variants": "U301C", "sequence": "4"}
        )
    assert "change-loss" in answer.text
    assert "<svg" in answer.text


def test_a_form_without_a_tier_needs_a_limit(shared):
    fields = {"fasta": DEMO, "confidence": "none"}
    answer = shared.client.post("/jobs", files={"file": ("", b"")}, data=fields)
    assert answer.status_code == 422
    assert "Any tier: set the number of best sites" in answer.text
    answer = shared.client.post(
        "/jobs", files={"file": ("", b"")}, data={**fields, "min_probability": "0.05"},
        follow_redirects=False,
    )  # fmt: skip
    id = answer.headers["location"].rpartition("/")[2]
    options = shared.server.job(id).options
    assert (options["confidence"], options["min_probability"]) == (None, 0.05)
    shared.client.post(f"/jobs/{id}/delete")


def test_the_form_takes_the_options_of_a_job_from_its_address(shared):
    options = JobOptions(modifications=["m6A", "Psi"], top=7, prior={"m6A": 0.004})
    address = form_address(options.resolved(shared.server.modifications))
    text = shared.client.get(f"/{address}").text
    assert re.search(r'name="top" value="7"', text)
    assert re.search(r'name="prior_m6A" value="0.004"', text)
    assert re.search(r'value="none" checked', text)
    chosen = re.findall(r'name="modifications" value="(\w+)" checked', text)
    assert chosen == ["m6A", "Psi"]
    assert form_address(JobOptions().resolved(shared.server.modifications)) == ""
    risky = shared.client.get("/", params={"top": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in risky


def test_the_summary_of_a_sequence_is_its_row_of_the_table(shared):
    id = shared.finished(top=2, modifications="m6A,Psi")
    page = shared.client.get(f"/jobs/{id}?sequence=4").text
    assert "the most probable 2 sites of each sequence and modification" in page
    content = shared.client.get(f"/api/jobs/{id}/results.sequences.tsv").text
    table = pd.read_csv(io.StringIO(content), sep="\t")
    row = table.iloc[3]
    assert row["m6A_called"] == row["Psi_called"] == 2
    for symbol in ("m6A", "Psi"):
        position = int(row[f"{symbol}_best_position"])
        assert f'data-position="{position}" data-modification="{symbol}"' in page
    rows = shared.client.get(f"/api/jobs/{id}/results.json").json()["by_sequence"]
    assert rows[3]["m6A_best_position"] == row["m6A_best_position"]
    assert [each["sequence"] for each in rows] == table["sequence"].tolist()


def test_a_result_of_an_earlier_version_is_shown_without_its_summary(shared):
    id = shared.finished(modifications="m6A")
    folder = shared.server.settings.jobs / id
    (folder / "results" / "sequences.tsv").unlink()
    index = folder / "view" / "index.json"
    content = json.loads(index.read_text())
    for each in content["sequences"]:
        del each["expected"], each["likely"]
        each["best"] = 0.3
    index.write_text(json.dumps(content))
    page = shared.client.get(f"/jobs/{id}")
    assert page.status_code == 200
    assert "by modification</h2>" not in page.text


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
    assert "The job was deleted by its owner, with its sequences and results." in answer.text
    assert running.status(id)["error"] == "deleted by its owner"
    error = running.client.get(f"/api/jobs/{id}/results.tsv").json()["error"]
    assert error == "the job was deleted by its owner"
