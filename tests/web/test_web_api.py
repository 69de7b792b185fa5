"""The API: jobs, results, explanations and variants; the same bytes as the command line."""

import gzip
import io
import json
import os
import shlex

import numpy as np
import pandas as pd
import pytest

import vqrna
from vqrna.web.inputs import InputFile
from vqrna.web.options import JobOptions
from web.serving import DEMO

OPTIONS = {"modifications": ["Psi", "m5U", "Cm"], "confidence": "low", "prior": {"m5U": 0.001}}


@pytest.fixture(scope="module")
def job(shared):
    return shared.finished(**OPTIONS)


def test_life_of_a_job(running):
    id = running.submit()
    state = running.status(id)
    assert (state["status"], state["queue_position"], state["progress"]) == ("queued", 1, 0)
    assert running.client.get(f"/api/jobs/{id}/results.tsv").status_code == 409
    assert running.worker.step()
    state = running.status(id)
    assert (state["status"], state["queue_position"], state["progress"]) == ("done", None, 1)
    assert running.client.delete(f"/api/jobs/{id}").json()["status"] == "expired"
    assert running.client.get(f"/api/jobs/{id}/results.tsv").status_code == 410
    assert not (running.server.settings.jobs / id).exists()


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS,
        {},
        {"threshold": 0.9, "modifications": "m6A"},
        {"confidence": "low", "fdr": 0.2},
        {"min_probability": 0.03},
        {"confidence": "low", "threshold": 0.99, "min_probability": 0.05},
        {"top": 2},
        {"top": 3, "confidence": "low", "fdr": 0.3},
    ],
    ids=[
        "tier",
        "default",
        "threshold",
        "fdr",
        "probability",
        "tier-and-limits",
        "top",
        "top-and-limits",
    ],
)
def test_files_are_those_of_the_command_line(shared, tmp_path, options, monkeypatch):
    from vqrna.cli import main

    id = shared.finished(**options)
    job = shared.server.job(id)
    words = shlex.split(JobOptions(**job.options).full_command())
    (tmp_path / "sequences.fasta").write_text(DEMO)
    monkeypatch.chdir(tmp_path)
    assert main(words[1:]) == 0
    for format, name in (
        ("tsv", "sites.tsv"),
        ("bed.gz", "sites.bed.gz"),
        ("bedrmod", "sites.bedrmod"),
        ("parquet", "sites.parquet"),
        ("sequences.tsv", "sequences.tsv"),
    ):
        answer = shared.client.get(f"/api/jobs/{id}/results.{format}")
        content = (tmp_path / "results" / name).read_bytes()
        assert answer.content == content, format
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["cache-control"] == "no-store"
    plain = shared.client.get(f"/api/jobs/{id}/results.bed").content
    assert plain == gzip.decompress((tmp_path / "results" / "sites.bed.gz").read_bytes())
    assert shared.client.get(f"/api/jobs/{id}/results.fasta").text == DEMO


def test_json_has_the_rows_of_the_table(shared, job):
    content = shared.client.get(f"/api/jobs/{job}/results.json").json()
    parquet = shared.client.get(f"/api/jobs/{job}/results.parquet").content
    table = pd.read_parquet(io.BytesIO(parquet))
    assert len(content["sites"]) == len(table) > 0
    assert [row["position"] for row in content["sites"]] == table["position"].tolist()
    assert [row["score"] for row in content["sites"]] == table["score"].tolist()
    assert content["command"].startswith("vqrna predict sequences.fasta --modifications Cm,m5U,Psi")


def test_a_form_with_a_gzipped_file(shared):
    answer = shared.client.post(
        "/api/jobs",
        files={"file": ("../../etc/x; rm -rf.fa.gz", gzip.compress(DEMO.encode()))},
        data={"modifications": "m5U", "prior": "m5U=0.002", "confidence": "low"},
    )
    assert answer.status_code == 202
    job = shared.server.job(answer.json()["id"])
    assert job.records == 5
    assert job.options["prior"] == {"m5U": 0.002}
    shared.client.delete(f"/api/jobs/{job.id}")


def test_a_repeated_submission_adds_one_job(running):
    headers = {"Idempotency-Key": "0123456789"}
    answers = [
        running.client.post("/api/jobs", json={"fasta": DEMO}, headers=headers) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert running.server.store.count("queued") == 1
    assert len(list(running.server.settings.jobs.iterdir())) == 1


def test_a_key_does_not_lead_to_the_job_of_another_user(running):
    headers = {"Idempotency-Key": "analysis-1"}
    first = running.client.post("/api/jobs", json={"fasta": DEMO}, headers=headers).json()
    others = [
        running.client.post("/api/jobs", json=body, headers=headers).json()
        for body in ({"fasta": ">own\nACGU\n"}, {"fasta": DEMO, "modifications": ["m6A"]})
    ]
    assert len({first["id"], *(other["id"] for other in others)}) == 3


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"fasta": DEMO, "modifications": ["m9Z"]}, 422, "unknown modification 'm9Z'"),
        ({"fasta": DEMO, "confidence": "sure"}, 422, "unknown confidence 'sure'"),
        ({"fasta": DEMO, "threshold": 2}, 422, "threshold"),
        ({"fasta": DEMO, "top": 0}, 422, "invalid number of top sites 0"),
        ({"fasta": DEMO, "top": "many"}, 422, "invalid number of top sites 'many'"),
        ({"fasta": DEMO, "prior": {"m6A": 3}}, 422, "prior"),
        ({"fasta": DEMO, "prior": "0,01"}, 422, "invalid prior '0,01' (expected a number"),
        ({"fasta": DEMO, "prior": {"m6A": "few"}}, 422, "invalid prior 'few' of m6A"),
        ({"fasta": DEMO, "prior": True}, 422, "invalid prior (expected a number"),
        ({"fasta": DEMO, "colour": "red"}, 422, "unknown field 'colour'"),
        ({"fasta": ">a\nMQV*\n"}, 400, "line 2"),
        ({"fasta": "\ud800"}, 422, ""),
        ({}, 422, "fasta"),
    ],
    ids=range(13),
)
def test_bad_submissions(shared, body, status, words):
    before = len(list(shared.server.settings.jobs.iterdir()))
    answer = shared.client.post("/api/jobs", content=json.dumps(body),
                                headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert len(list(shared.server.settings.jobs.iterdir())) == before


@pytest.mark.parametrize("id", ["x", "../../jobs.sqlite", "A" * 32, "%00", "é" * 32])
def test_unknown_jobs(shared, id):
    for path in (f"/api/jobs/{id}", f"/api/jobs/{id}/results.tsv", f"/jobs/{id}"):
        assert shared.client.get(path).status_code == 404


def test_unknown_format(shared, job):
    answer = shared.client.get(f"/api/jobs/{job}/results.xlsx")
    assert answer.status_code == 404
    assert "parquet" in answer.json()["error"]


def test_files_are_unreadable_by_others(shared, job):
    folder = shared.server.settings.jobs / job
    for path in (shared.server.settings.data, folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_cancelling_a_running_job(running, monkeypatch):
    id = running.submit()
    monkeypatch.setattr("vqrna.web.worker.REPORT_EVERY", 0)
    original = running.server.store.report

    def report(job, progress):
        running.client.delete(f"/api/jobs/{id}")
        return original(job, progress)

    monkeypatch.setattr(running.server.store, "report", report)
    running.worker.step()
    assert running.status(id)["status"] == "cancelled"
    assert not (running.server.settings.jobs / id).exists()


def test_a_job_that_was_interrupted_gives_the_same_files(running, monkeypatch):
    whole = running.finished()
    wanted = running.client.get(f"/api/jobs/{whole}/results.parquet").content
    id = running.submit()
    job = running.server.store.claim("dead", ("small",))
    monkeypatch.setattr("vqrna.web.worker.REPORT_EVERY", 0)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(running.server.store, "report", stop)
    with pytest.raises(KeyboardInterrupt):
        running.worker._run(job)
    monkeypatch.undo()
    running.server.store.requeue(3, "dead")
    running.worker.step()
    assert running.client.get(f"/api/jobs/{id}/results.parquet").content == wanted


def test_a_job_that_takes_too_long_fails(running, monkeypatch):
    limits = running.server.settings.limits
    object.__setattr__(limits, "job_seconds", 1e-9)
    id = running.submit()
    running.worker.step()
    assert running.status(id)["status"] == "failed"
    assert "the limit of this server" in running.status(id)["error"]


def test_a_full_disk_at_submission_adds_no_job(running, monkeypatch):
    def full(self, data):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(InputFile, "write", full)
    answer = running.client.post("/api/jobs", json={"fasta": DEMO})
    assert answer.status_code == 507
    assert running.server.store.counts() == {}
    assert list(running.server.settings.jobs.iterdir()) == []


def test_a_full_disk_while_a_job_runs_queues_it_again(running, monkeypatch):
    id = running.submit()

    def full(*_, **__):
        raise vqrna.DataError("cannot write: the disk is full") from OSError(28, "full")

    monkeypatch.setattr("vqrna.web.worker.compute", full)
    running.worker.step()
    state = running.status(id)
    assert state["status"] == "queued"
    assert "full" in state["error"]


def test_a_bug_in_a_job_is_reported_without_details(running, monkeypatch, caplog):
    id = running.submit()
    monkeypatch.setattr("vqrna.web.worker.compute", lambda *_: 1 / 0)
    running.worker.step()
    assert running.status(id)["error"].startswith("internal error")


def test_events_end_with_the_job(shared, job):
    with shared.client.stream("GET", f"/api/jobs/{job}/events") as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert lines[0] == "event: status"
    assert json.loads(lines[1].removeprefix("data: "))["status"] == "done"
    assert shared.server.streams.total == 0


def test_tracks_hold_the_scores_of_all_candidates(shared, job):
    sites = vqrna.predict(
        {"planted_m5U": DEMO.split(">planted_m5U")[1].split("\n", 1)[1].split(">")[0]},
        modifications="Cm,m5U,Psi",
        prior={"m5U": 0.001},
        all_sites=True,
    ).sites
    answer = shared.client.get(f"/api/jobs/{job}/track", params={"sequence": 4, "bins": 4000})
    content = answer.json()
    assert content["exact"]
    assert len(content["letters"]) == 600
    for track in content["tracks"]:
        own = sites[sites["modification"] == track["modification"]]
        assert track["positions"] == own["position"].tolist()
        assert abs(own["score"].to_numpy() - track["scores"]).max() < 1e-4
        ratio = np.array(track["probabilities"]) / own["probability"].to_numpy()
        assert abs(ratio[own["probability"] > 1e-6] - 1).max() < 1e-3
    assert 301 in [site["position"] for site in content["sites"]]


def test_binned_tracks_keep_the_highest_scores(shared, job):
    def peak(**values):
        answer = shared.client.get(f"/api/jobs/{job}/track", params={"sequence": 4, **values})
        track = answer.json()["tracks"][1]
        best = max(range(len(track["scores"])), key=track["scores"].__getitem__)
        return track["positions"][best], track["scores"][best]

    assert peak(bins=20) == peak(bins=4000) == peak(start=250, end=350)


@pytest.mark.parametrize(
    ("values", "status"),
    [({"sequence": 9}, 404), ({"start": 601}, 422), ({"start": 9, "end": 3}, 422),
     ({"bins": 0}, 422), ({"start": "x"}, 422)],
    ids=range(5),
)  # fmt: skip
def test_bad_windows(shared, job, values, status):
    assert shared.client.get(f"/api/jobs/{job}/track", params=values).status_code == status


def test_pictures_are_svg(shared, job):
    answer = shared.client.get(f"/api/jobs/{job}/track.svg", params={"sequence": 4, "start": 280,
                                                                     "end": 330})  # fmt: skip
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "m5U at 301" in answer.text


def test_explanations(shared, job):
    body = {"job": job, "sequence": "planted_m5U", "position": 301, "modification": "m5U"}
    with shared.answering():
        answer = shared.client.post("/api/explain", json=body).json()
        letters = DEMO.split(">planted_m5U")[1].split("\n", 1)[1].split(">")[0]
        alone = shared.client.post(
            "/api/explain", json={**body, "sequence": letters, "job": None, "prior": 0.001}
        ).json()
        wrong = shared.client.post("/api/explain", json={**body, "position": 305})
        outside = shared.client.post("/api/explain", json={**body, "position": 999})
    sites = shared.client.get(f"/api/jobs/{job}/results.json").json()["sites"]
    (site,) = [s for s in sites if (s["position"], s["modification"]) == (301, "m5U")]
    assert abs(answer["score"] - site["score"]) < 2e-6
    assert answer["probability"] == pytest.approx(site["probability"], rel=2e-3)
    assert alone["importance"] == answer["importance"]
    assert answer["motif"]["mismatches"] == 0
    assert len(answer["codes"]) == 8 or len(answer["codes"]) == 7
    assert answer["codes"][0]["atlas"] is None or "log_odds" in answer["codes"][0]["atlas"]
    changed = answer["strongest"][0]
    index = changed["position"] - answer["first"]
    assert answer["letters"][index] == changed["from"]
    mutated = letters.replace("\n", "")
    mutated = mutated[: changed["position"] - 1] + changed["to"] + mutated[changed["position"] :]
    again = vqrna.predict({"x": mutated}, modifications="m5U", prior=0.001, all_sites=True).sites
    score, probability = again.loc[again["position"] == 301, ["score", "probability"]].iloc[0]
    assert changed["probability"] == pytest.approx(probability, rel=2e-3)
    assert abs(score - changed["score"]) < 1e-4
    assert (wrong.status_code, outside.status_code) == (422, 422)
    assert "cannot carry m5U" in wrong.json()["error"]
    zero = shared.client.post("/api/explain", json={**body, "position": 0})
    assert zero.json()["error"] == "position: must be 1 or more"


def test_variants(shared, job):
    body = {"job": job, "sequence": "planted_m5U", "modifications": ["m5U"]}
    with shared.answering():
        answer = shared.client.post(
            "/api/variants", json={**body, "variants": ["U301C", "302 U>A", "planted_Cm:301del"]}
        ).json()
    loss, changed, _ = answer["variants"]
    assert loss["effects"][0]["class"] == "loss"
    assert loss["effects"][0]["position"] == 301
    letters = DEMO.split(">planted_m5U")[1].split("\n", 1)[1].split(">")[0].replace("\n", "")
    edited = f"{letters[:301]}A{letters[302:]}"
    again = vqrna.predict({"x": edited}, modifications="m5U", all_sites=True).sites
    (effect,) = [e for e in changed["effects"] if e["position"] == 301]
    assert effect["new_probability"] == again.loc[again["position"] == 301, "probability"].item()


@pytest.mark.parametrize(
    "variant", ["hello", "A301C", "U9999C", "U301U", "nobody:U301C", "", "U301C," * 60],
    ids=range(7),
)  # fmt: skip
def test_bad_variants(shared, job, variant):
    answer = shared.client.post(
        "/api/variants", json={"job": job, "sequence": "planted_m5U", "variants": variant}
    )
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]


def test_model_health_and_metrics(shared):
    assert shared.client.get("/api/model").json()["hash"] == shared.server.model_hash
    assert shared.client.get("/health").json()["model"] == shared.server.model_hash
    text = shared.client.get("/metrics").text
    assert 'vqrna_jobs{queue="small",status="done"}' in text
    assert "vqrna_request_seconds_bucket" in text


@pytest.mark.parametrize(
    ("names", "workers", "answering", "code"),
    [
        ("worker-1 worker-2 questions", 2, True, 200),
        ("worker-1 worker-2", 2, False, 200),
        ("worker-1 questions", 1, True, 200),
        ("questions", 0, True, 503),
        ("", 0, False, 503),
    ],
)
def test_health_counts_the_workers_for_jobs(running, monkeypatch, names, workers, answering, code):
    monkeypatch.setattr(running.server._supervisor, "running", frozenset(names.split()))
    answer = running.client.get("/health")
    assert answer.status_code == code
    state = answer.json()
    assert (state["workers"], state["expected_workers"]) == (workers, 2)
    assert state["answers_questions"] is answering
    assert f"vqrna_workers {workers}.0" in running.client.get("/metrics").text


def test_logs_hold_neither_sequences_nor_links(running, caplog):
    with caplog.at_level("INFO", logger="vqrna.web"):
        id = running.finished(">secret_name\n" + "GGACU" * 30)
        running.client.get(f"/jobs/{id}")
    text = " ".join(f"{r.getMessage()} {r.__dict__.get('fields')}" for r in caplog.records)
    assert "submitted" in text
    assert id not in text
    assert "secret_name" not in text
    assert "GGACU" not in text
