"""States of jobs: claims, leases, cancellation, lost workers and expiry."""

import threading

import pytest

from vqrna.web.store import LARGE, SMALL, Store, new_id


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def add(store, queue=SMALL, address="1.2.3.4", key=None):
    return store.submit(new_id(), {}, records=1, nt=10, queue=queue, address=address, key=key)


def test_jobs_are_claimed_in_order_and_once(store):
    jobs = [add(store) for _ in range(3)]
    assert [store.position(job) for job in jobs] == [1, 2, 3]
    claimed = [store.claim("w", (SMALL,)).id for _ in range(3)]
    assert claimed == [job.id for job in jobs]
    assert store.claim("w", (SMALL,)) is None


def test_threads_never_claim_the_same_job(store):
    ids = {add(store).id for _ in range(40)}
    taken = []

    def work():
        while (job := store.claim(threading.current_thread().name, (SMALL,))) is not None:
            taken.append(job.id)
        store.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_a_worker_for_any_job_takes_large_ones_first_and_another_never(store):
    small, large = add(store), add(store, LARGE)
    assert store.claim("small", (SMALL,)).id == small.id
    assert store.claim("small", (SMALL,)) is None
    assert store.claim("any", (LARGE, SMALL)).id == large.id


def test_only_the_holder_of_the_lease_finishes_a_job(store):
    add(store)
    first = store.claim("a", (SMALL,))
    assert store.requeue(3, "a") == 1
    second = store.claim("b", (SMALL,))
    assert second.id == first.id
    assert store.report(first, 0.5) == "lost"
    assert not store.finish(first)
    assert store.report(second, 0.5) == "go"
    assert store.finish(second)
    assert not store.finish(second)
    assert store.get(first.id).status == "done"


def test_only_jobs_of_the_worker_that_ended_are_queued_again(store):
    add(store), add(store)
    kept, lost = store.claim("worker-1", (SMALL,)), store.claim("worker-10", (SMALL,))
    assert store.requeue(3, "worker-10") == 1
    assert store.get(kept.id).status == "running"
    assert store.get(lost.id).status == "queued"


def test_a_job_that_kills_its_worker_again_and_again_fails(store):
    job = add(store)
    for _ in range(3):
        assert store.claim("w", (SMALL,)) is not None
        store.requeue(3, "w")
    assert store.get(job.id).status == "failed"
    assert "killed 3 times" in store.get(job.id).error


def test_cancelling_a_waiting_and_a_running_job(store):
    waiting, running = add(store), add(store)
    assert store.cancel(waiting.id) == "cancelled"
    claimed = store.claim("w", (SMALL,))
    assert claimed.id == running.id
    assert store.cancel(running.id) == "running"
    assert store.report(claimed, 0.1) == "cancel"
    store.requeue(3, "w")  # the worker was killed instead
    assert store.get(running.id).status == "cancelled"


def test_a_job_that_met_a_full_disk_waits(store):
    job = add(store)
    claimed = store.claim("w", (SMALL,))
    assert store.postpone(claimed, "the disk is full")
    assert store.get(job.id).status == "queued"
    assert store.claim("w", (SMALL,)) is None


def test_the_same_key_adds_one_job(store):
    assert add(store, key="same-key").id == add(store, key="same-key").id
    assert store.count("queued") == 1


def test_addresses_are_stored_as_hashes(store, tmp_path):
    add(store, address="198.51.100.7")
    assert store.count("queued", address="198.51.100.7") == 1
    assert store.count("queued", address="198.51.100.8") == 0
    store.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"198.51.100.7" not in files


def test_expiry(store):
    job = add(store)
    assert not store.expire(job.id, "old")  # it waits
    store.finish(store.claim("w", (SMALL,)))
    assert store.old(1) == []
    assert store.old(-1) == [job.id]
    assert store.expire(job.id, "old")
    assert store.ids() == set()
    assert store.forget(-1) == 1
    assert store.get(job.id) is None


def test_questions_are_answered_once_and_forgotten(store, tmp_path):
    number = store.ask("explain", {"letters": "GGACUSECRET"})
    assert store.collect(number) is None
    question = store.take_question("q")
    assert question.content == {"letters": "GGACUSECRET"}
    assert store.take_question("q") is None
    store.answer(number, {"status": 200})
    assert store.collect(number) == {"status": 200}
    assert store.collect(number) is None


def test_a_question_that_kills_its_worker_twice_gets_an_error(store):
    number = store.ask("explain", {})
    for _ in range(2):
        assert store.take_question("q") is not None
        store.release_questions(2)
    assert store.collect(number)["status"] == 500
