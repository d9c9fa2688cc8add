"""Who rises next: two lanes, and what a crowd changes."""

import time

from bareflow.compile.split import SplitFunction
from bareflow.growth.climb import CROWD, LOWEST_FIRST, MOST_CALLED_FIRST, Climb
from bareflow.growth.growing import Growing
from bareflow.tiering import Policy


def waiting(name, tier, calls, **facts):
    split = SplitFunction(name, name, "0" * 32, 50, (), recursive=False)
    return Growing(0, split, tier, calls=calls, hot_at=time.monotonic(), **facts)


def following(functions, lane, policy=None):
    found = Climb(functions, policy or Policy(), lambda _: 0).next(lane, 0.0)
    return found and (found[0].split.name, found[1])


def test_one_lane_serves_the_lowest_tier_and_the_other_what_is_called_most():
    functions = [waiting("new", "interp", 10), waiting("old", "O2", 10**6), waiting("older", "O2", 10**5)]
    assert following(functions, LOWEST_FIRST) == ("new", "O0")
    assert following(functions, MOST_CALLED_FIRST) == ("old", "O3")


def test_a_lane_without_its_like_takes_what_there_is():
    assert following([waiting("old", "O2", 10**6)], LOWEST_FIRST) == ("old", "O3")
    assert following([waiting("new", "interp", 10)], MOST_CALLED_FIRST) == ("new", "O0")


def test_functions_climb_tier_by_tier_except_in_a_crowd():
    crowd = [waiting(f"f{number}", "interp", 10**6 + number) for number in range(CROWD + 1)]
    assert following(crowd[1:], MOST_CALLED_FIRST) == (f"f{CROWD}", "O0")
    assert following(crowd, MOST_CALLED_FIRST) == (f"f{CROWD}", "O3")
    assert following(crowd, LOWEST_FIRST) == (f"f{CROWD}", "O0")


def test_who_waits_in_vain_waits_no_longer():
    early = waiting("early", "O0", 5)
    assert following([early], LOWEST_FIRST) is None
    assert early.hot_at is None


def test_what_ticks_find_again_and_again_rises_past_a_barred_tier():
    forced = waiting("loop", "O0", 1, forced=True, barred={"O1"})
    assert following([forced], LOWEST_FIRST) == ("loop", "O2")


def test_what_rises_already_is_not_asked_again():
    assert following([waiting("busy", "O0", 10**6, busy=True)], LOWEST_FIRST) is None
