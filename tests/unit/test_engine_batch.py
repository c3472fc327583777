"""Which requests share a batch. Where one waits out a patience of a minute, its test is stuck."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tiro.engines import batching
from tiro.engines.batching import Batcher

LONG = 60.0


def filled(keys: str, *, largest: int = 4, workers: int = 1, patience: float = LONG) -> Batcher[str]:
    """Requests numbered from 0, each with a letter as its key."""
    batcher: Batcher[str] = Batcher(largest, workers, patience)
    for number, key in enumerate(keys):
        batcher.announce()
        batcher.put(number, key, key)
    return batcher


def numbers(batch: list[tuple[int, str]]) -> list[int]:
    return [number for number, _ in batch]


def test_one_alone_does_not_wait() -> None:
    assert filled("a").take() == [(0, "a")]


def test_all_that_there_are_do_not_wait_for_more() -> None:
    assert numbers(filled("aa").take()) == [0, 1]


def test_no_batch_is_larger_than_it_may_be() -> None:
    batcher = filled("aaaaaa")
    assert numbers(batcher.take()) == [0, 1, 2, 3]
    batcher.finished(4)
    batcher.done()
    assert numbers(batcher.take()) == [4, 5]


def test_only_requests_with_one_key_share_a_batch_and_the_oldest_goes_first() -> None:
    batcher = filled("abab", patience=0)
    assert numbers(batcher.take()) == [0, 2]
    assert numbers(batcher.take()) == [1, 3]


def test_nobody_is_passed_over() -> None:
    batcher = filled("abaaaa", patience=0)
    assert numbers(batcher.take()) == [0, 2, 3, 4]
    # The one with the other key has waited longer than the rest of the first.
    assert numbers(batcher.take()) == [1]
    assert numbers(batcher.take()) == [5]


def test_the_first_waits_for_company_while_another_is_prepared() -> None:
    batcher = filled("a")
    batcher.announce()
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(batcher.take)
        batcher.put(1, "a", "a")
        assert numbers(batch.result(60)) == [0, 1]


def test_who_waited_for_one_that_fails_goes_alone() -> None:
    batcher = filled("a")
    batcher.announce()
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(batcher.take)
        batcher.refused()
        batcher.finished()
        assert numbers(batch.result(60)) == [0]


def test_patience_has_an_end() -> None:
    batcher = filled("ab", patience=0.01)
    assert numbers(batcher.take()) == [0]
    # Even for those that are sure to come: their preparing may hang.
    batcher = filled("a", patience=0.01)
    batcher.announce()
    assert numbers(batcher.take()) == [0]


def test_what_is_being_prepared_is_shared_out_too() -> None:
    batcher = filled("aa", workers=2, largest=4)
    for _ in range(6):
        batcher.announce()
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(batcher.take)
        for number in range(2, 8):
            batcher.put(number, "a", "a")
        assert numbers(batch.result(60)) == [0, 1, 2, 3]
    assert numbers(batcher.take()) == [4, 5, 6, 7]


def test_a_full_batch_does_not_wait() -> None:
    batcher = filled("aaaa")
    batcher.announce()
    assert len(batcher.take()) == 4


def test_what_waits_is_shared_among_the_workers_that_are_free() -> None:
    batcher = filled("aaaaaa", workers=2, patience=0)
    assert numbers(batcher.take()) == [0, 1, 2]
    assert numbers(batcher.take()) == [3, 4, 5]


def test_while_one_works_the_other_takes_all() -> None:
    batcher = filled("aa", workers=2)
    assert numbers(batcher.take()) == [0]
    batcher.announce()
    batcher.put(2, "a", "a")
    batcher.finished()
    assert numbers(batcher.take()) == [1, 2]


def test_the_last_few_are_shared_with_a_worker_that_is_soon_free(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(batching.time, "monotonic", lambda: now[0])
    batcher = filled("aaaaaaaaa", workers=2, patience=0)
    batcher.take()
    now[0] += 1.0
    batcher.done()  # so a batch lasts a second
    assert len(batcher.take()) == 3
    now[0] += 0.8  # the one at work is nearly done
    assert len(batcher.take()) == 1
    assert len(batcher.take()) == 1


def test_a_request_that_waits_can_be_dropped_and_one_at_work_cannot() -> None:
    batcher = filled("aaa", largest=1)
    assert numbers(batcher.take()) == [0]
    assert not batcher.drop(0)
    assert batcher.drop(1)
    assert not batcher.drop(1)
    assert numbers(batcher.take()) == [2]


@pytest.mark.parametrize("workers", [1, 3])
def test_each_request_is_given_out_once(workers: int) -> None:
    batcher = filled("ab" * 50, workers=workers, patience=0)
    taken: list[int] = []

    def work() -> None:
        while len(taken) < 100:
            batch = batcher.take()
            if numbers(batch) == [-1]:
                return
            taken.extend(numbers(batch))
            batcher.done()

    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(work) for _ in range(workers)]
        # Wakes the workers that find nothing more to take.
        while len(taken) < 100:
            pass
        for _ in range(workers):
            batcher.put(-1, object(), "")
        for job in jobs:
            job.result(60)
    assert sorted(taken) == list(range(100))
