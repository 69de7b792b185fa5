"""Threads return results in order, take few items in advance, and stop when cancelled."""

import threading
import time

import pytest
import torch

from vqrna.runtime.threads import Stopped, map_in_order, torch_jobs


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_order(jobs):
    def slow_first(number, stop):
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(map_in_order(range(20), slow_first, jobs)) == [(n, n * n) for n in range(20)]


def test_little_is_taken_in_advance():
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    gate = threading.Event()

    def wait(number, stop):
        gate.wait(5)
        return number

    found = map_in_order(items(), wait, 3)
    reader = threading.Thread(target=lambda: list(found))
    reader.start()
    time.sleep(0.2)
    assert len(taken) == 6
    gate.set()
    reader.join(5)
    assert len(taken) == 50


def test_an_error_comes_out_where_it_belongs_and_ends_the_rest():
    ended = []

    def work(number, stop):
        if number == 2:
            raise ValueError("two")
        if number > 2:
            stop.wait(5)
            ended.append(number)
            raise Stopped
        return number

    found = map_in_order(range(100), work, 2)
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="two"):
        next(found)
    assert len(ended) <= 4  # those that had begun


def test_whoever_stops_asking_stops_the_work():
    begun = []

    def work(number, stop):
        begun.append(number)
        if number:
            assert stop.wait(5)
            raise Stopped
        return number

    found = map_in_order(range(100), work, 2)
    assert next(found) == (0, 0)
    found.close()
    assert len(begun) <= 4


def test_work_has_one_torch_thread_and_the_caller_keeps_its_own():
    before = torch.get_num_threads()
    seen = list(map_in_order([0], lambda item, stop: torch.get_num_threads(), 1))
    assert seen == [(0, 1)]
    assert torch.get_num_threads() == before


def test_threads_of_this_module_replace_those_of_torch():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert torch_jobs(torch.device("cpu")) == 3
        assert torch_jobs(torch.device("cuda")) == 1
    finally:
        torch.set_num_threads(before)
