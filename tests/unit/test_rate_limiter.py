"""The rate limiter in memory, with a clock of its own."""

from __future__ import annotations

import asyncio

import pytest

from tiro.limits.base import Balance, Rate
from tiro.limits.embedded import EmbeddedRateLimiter

RATE = Rate("test", "tries", 3, 60)


class House:
    def __init__(self, room: int = 100) -> None:
        self.now = 1000.0
        self.limiter = EmbeddedRateLimiter(lambda: self.now, room)

    def take(self, who: str = "me", rate: Rate = RATE) -> Balance:
        return asyncio.run(self.limiter.take(rate, who))


def test_all_at_once_and_then_one_after_the_other() -> None:
    house = House()
    assert [house.take().left for _ in range(3)] == [2, 1, 0]
    refused = house.take()
    assert (refused.granted, refused.left) == (False, 0)
    assert refused.next_in == pytest.approx(20)
    assert refused.full_in == pytest.approx(60)
    house.now += 19.9
    assert not house.take().granted
    house.now += 0.2
    assert house.take().granted
    assert not house.take().granted
    house.now += 3600
    assert [house.take().granted for _ in range(4)] == [True, True, True, False]


def test_no_window_of_its_length_has_twice_as_many() -> None:
    """As fixed windows would allow, around their ends."""
    house = House()
    granted: list[float] = []
    for _ in range(600):
        house.now += 0.5
        if house.take().granted:
            granted.append(house.now)
    steady = [moment for moment in granted if moment > 1060]
    for start in steady:
        assert sum(start <= moment < start + 60 for moment in steady) <= RATE.count


def test_people_and_rates_are_apart() -> None:
    house = House()
    for _ in range(3):
        house.take()
    assert not house.take().granted
    assert house.take("you").granted
    assert house.take(rate=Rate("other", "tries", 3, 60)).granted


def test_what_is_given_back_can_be_taken() -> None:
    house = House()
    for _ in range(3):
        house.take()
    asyncio.run(house.limiter.give_back(RATE, "me"))
    assert house.take().granted
    assert not house.take().granted


def test_a_crowd_of_names_pushes_out_nobody_who_is_held_back() -> None:
    house = House(room=50)
    for _ in range(3):
        house.take()
    for number in range(1000):
        house.take(f"passer-by {number}")
    assert len(house.limiter._full_at) <= 50
    assert not house.take().granted
