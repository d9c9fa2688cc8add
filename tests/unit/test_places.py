"""Where a growth's files go: one growth at a time, and a profile that outlives its runs."""

import pytest

from bareflow.errors import ImageError
from bareflow.growth.places import Kept, Places
from bareflow.profile.store import RUNS_KEPT, load_profile, save_profile
from bareflow.profile.values import FunctionProfile, Profile, merge_all


def seen(calls: int) -> Profile:
    function = FunctionProfile("f", calls=calls)
    return Profile({function.key: function}, boots=1)


def test_a_second_growth_of_a_program_into_the_same_folder_is_refused(tmp_path):
    places = Places(tmp_path, "prog")
    refused = pytest.raises(ImageError, match="Another growth of prog writes to")
    with places.alone(), Places(tmp_path, "other").alone(), Places(tmp_path / "out", "prog").alone(), refused:
        places.alone().__enter__()
    with places.alone():
        pass


def test_a_run_that_was_cut_short_twice_is_kept_once(tmp_path):
    kept = Kept(tmp_path / "p.profile", seen(100))
    kept.add(seen(5).of_run(7))
    kept.add(seen(9).of_run(7))
    whole = load_profile(tmp_path / "p.profile")
    assert (whole.named("f").calls, whole.boots) == (109, 2)


def test_a_profile_does_not_keep_the_parts_of_ever_more_runs(tmp_path):
    places = Places(tmp_path, "p")
    runs = [seen(1).of_run(number + 1) for number in range(RUNS_KEPT)]
    save_profile(places.profile, merge_all(*runs))
    assert len(places.known().runs) == RUNS_KEPT
    save_profile(places.profile, merge_all(*runs, seen(1).of_run(99)))
    assert not places.known().runs
    assert places.known().named("f").calls == RUNS_KEPT + 1
