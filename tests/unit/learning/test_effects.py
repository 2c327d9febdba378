"""The centre of a forecast: shared errors, shrinkage without a step, and no unlearning of change."""

from itertools import pairwise

import pytest

from throughline.domain.learning.effects import EffectPrior, Effects, Part, mean_above

PRIORS = {"all": EffectPrior(spread=0.3, wander=0.01), "kind": EffectPrior(spread=0.3, wander=0.01)}
NOISE = 0.09


def parts(kind: str) -> list[Part]:
    return [Part(("all",)), Part(("kind", kind))]


def taught(*jobs: tuple[str, float]) -> Effects:
    effects = Effects(PRIORS)
    for kind, value in jobs:
        effects.add(parts(kind), value, NOISE, censored=False)
    return effects


def test_before_any_job_the_centre_is_what_structure_says():
    centre = Effects(PRIORS).centre(parts("a"))
    assert centre.mean == 0
    assert centre.variance == pytest.approx(0.18)


def test_a_kind_without_jobs_leans_on_what_all_jobs_showed_and_is_less_sure():
    effects = taught(*[("a", 0.5)] * 20)
    assert 0.1 < effects.centre(parts("b")).mean < effects.centre(parts("a")).mean
    assert effects.centre(parts("b")).variance > effects.centre(parts("a")).variance


def test_each_job_moves_a_kind_by_a_smaller_step_and_never_jumps():
    means = [taught(*[("a", 1.0)] * jobs).centre(parts("a")).mean for jobs in range(12)]
    steps = [after - before for before, after in pairwise(means)]
    assert steps == sorted(steps, reverse=True)
    assert means[-1] == pytest.approx(1.0, abs=0.15)


def test_two_kinds_come_apart():
    effects = taught(*[("a", 0.6), ("b", -0.6)] * 40)
    assert effects.centre(parts("a")).mean == pytest.approx(0.6, abs=0.1)
    assert effects.centre(parts("b")).mean == pytest.approx(-0.6, abs=0.1)


def test_the_centre_still_follows_a_change_after_many_jobs():
    effects = taught(*[("a", 0.0)] * 500, *[("a", 0.7)] * 60)
    assert effects.centre(parts("a")).mean > 0.5


def test_a_wild_job_moves_the_centre_no_further_than_a_far_one():
    assert taught(("a", 50.0)).centre(parts("a")) == taught(("a", 3.0)).centre(parts("a"))


def test_a_cut_job_counts_as_longer_than_it_shows():
    effects = Effects(PRIORS)
    effects.add(parts("a"), 0.0, NOISE, censored=True)
    assert effects.centre(parts("a")).mean > 0


def test_the_mean_above_a_value_lies_above_it_however_far_out():
    assert mean_above(0.0) == pytest.approx(0.798, abs=0.001)
    assert mean_above(-9.0) == pytest.approx(0.0, abs=1e-6)
    assert 9.0 < mean_above(9.0) < 9.2
