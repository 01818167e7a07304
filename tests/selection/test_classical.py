"""Classical selections on inner folds: sizes, no leak, the same bits."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from tests.selection.test_rankers import planted
from vaega.data._preprocess import Preprocessor
from vaega.fitness._memory import PenaltyObjective, WeightedObjective
from vaega.generative._samplers import GaussianJitter
from vaega.selection._classical import KINDS, ClassicalSelection
from vaega.selection._rankers import RANKERS
from vaega.selection._search import InnerValidation
from vaega.selection._voting import trial_sizes


def inner_of(X, y, **changes):
    def split(rows, seed):
        folds = StratifiedKFold(3, shuffle=True, random_state=seed % 2**32)
        return list(folds.split(rows, y[rows]))

    given = {"estimator": GaussianNB(), "scorer": get_scorer("accuracy"), "seed": 0}
    return InnerValidation(X, y, split=split, **given | changes)


OBJECTIVE = WeightedObjective(alpha=0.9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_selects_and_the_same_bits_again(kind):
    X, y = planted()
    found = [ClassicalSelection(kind, n_masks=60).run(inner_of(X, y), OBJECTIVE) for _ in range(2)]
    np.testing.assert_array_equal(found[0].mask, found[1].mask)
    assert found[0].score == found[1].score > 0.8
    assert found[0].mask.any()
    if kind not in ("all", "random"):
        assert found[0].mask[[3, 11]].any()
        assert found[0].mask.sum() <= 6


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "all"])
def test_as_many_as_were_asked_for(kind):
    found = ClassicalSelection(kind, 5, n_masks=20).run(inner_of(*planted()), OBJECTIVE)
    assert found.mask.sum() == 5


@pytest.mark.parametrize("kind", ["f_classif", "l1", "rfe"])
def test_rankings_see_no_validate_row(kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 400)), np.arange(60) % 2
    found = ClassicalSelection(kind, 10).run(inner_of(X, y), OBJECTIVE)
    assert found.score < 0.7  # a ranking of all rows has 0.9 and more here


def test_the_objective_decides_the_size():
    X, y = planted()
    small = ClassicalSelection("f_classif").run(inner_of(X, y), PenaltyObjective(per_feature=0.2))
    free = ClassicalSelection("f_classif").run(inner_of(X, y), PenaltyObjective(per_feature=0.0))
    assert small.mask.sum() == 1
    assert free.mask.sum() > 1


def test_what_a_ranking_warns_of_is_counted_not_shown(recwarn, monkeypatch):
    def warns(X, y):
        warnings.warn("column 3 is constant", stacklevel=1)
        return np.ptp(X, axis=0)

    monkeypatch.setitem(RANKERS.entries, "warns", warns)
    X, y = planted()
    found = ClassicalSelection("warns").run(inner_of(X, y), OBJECTIVE)
    assert any("constant" in text for text in found.evaluations.warnings)
    assert not [one for one in recwarn if "constant" in str(one.message)]


def test_columns_that_the_preparation_drops_come_last():
    X, y = planted()
    X[:, 3] = 7.0
    found = ClassicalSelection("f_classif", 19).run(
        inner_of(X, y, preparation=Preprocessor(["drop_constant", "standardize"])), OBJECTIVE
    )
    assert not found.mask[3]


def test_synthetic_rows_are_ranked_with_the_real_ones():
    seen = []

    class Recorder(GaussianJitter):
        def fit_resample(self, X, y):
            rows = super().fit_resample(X, y)
            seen.append(len(rows[0]) - len(X))
            return rows

    X, y = planted()
    sampler = Recorder(n_per_class=10, random_state=0)
    ClassicalSelection("f_classif").run(inner_of(X, y, sampler=sampler), OBJECTIVE)
    assert seen == [20] * 4  # three folds, and all rows for the final ranking


def test_counts():
    X, y = planted()
    found = ClassicalSelection("f_classif").run(inner_of(X, y), OBJECTIVE)
    counts = found.evaluations
    assert counts.n_distinct == len(trial_sizes(20, minimum=1, maximum=20))
    assert counts.n_fits == 3 * counts.n_distinct
    drawn = ClassicalSelection("random", n_masks=50).run(inner_of(X, y), OBJECTIVE).evaluations
    assert drawn.n_asked >= 50
    assert drawn.n_fits == 3 * drawn.n_distinct
