import sys
import warnings

import numpy as np
import pytest
from imblearn import over_sampling

from tests.generative.data import blobs
from vaega.core.errors import InputError, MissingExtraError
from vaega.generative._samplers import SMOTE


def unbalanced(few, middle=12):
    X, _ = blobs(30 + middle + few)
    return X, np.repeat(["many", "middle", "few"], [30, middle, few])


def test_rows_are_those_of_imbalanced_learn():
    X, y = unbalanced(8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = SMOTE(k_neighbors=3, random_state=7).fit_resample(X, y)
    theirs = over_sampling.SMOTE(k_neighbors=3, random_state=7).fit_resample(X, y)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("few", "said"),
    [
        (5, "SMOTE: too few rows for k_neighbors=5 in 'few', all are neighbours."),
        (2, "SMOTE: too few rows for k_neighbors=5 in 'few', all are neighbours."),
        (1, "SMOTE: a single row in 'few', which is repeated."),
    ],
)
def test_a_small_class_is_no_error_and_is_said_in_one_line(few, said):
    X, y = unbalanced(few)
    with pytest.warns(UserWarning, match="^SMOTE: ") as caught:
        X_new, y_new = SMOTE(random_state=0).fit_resample(X, y)
    assert len(caught) == 1
    assert said == str(caught[0].message)
    assert dict(zip(*np.unique(y_new, return_counts=True), strict=True)) == {
        "few": 30, "many": 30, "middle": 30,
    }  # fmt: skip
    rows = X_new[len(X) :][y_new[len(X) :] == "few"]
    real = X[y == "few"]
    assert (rows >= real.min(axis=0) - 1e-12).all()
    assert (rows <= real.max(axis=0) + 1e-12).all()


def test_classes_of_enough_rows_have_the_same_rows_beside_small_ones():
    X, y = unbalanced(3)
    with pytest.warns(UserWarning, match="few"):
        _, both = (
            SMOTE(random_state=0).fit_resample(X, y),
            SMOTE(n_per_class={"middle": 18}, random_state=0).fit_resample(X, y),
        )
    assert both[0].shape == (len(X) + 18, 12)


def test_without_imbalanced_learn_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn", None)
    X, y = unbalanced(8)
    with pytest.raises(MissingExtraError, match=r"^SMOTE: needs the package imbalanced-learn, wh"):
        SMOTE().fit_resample(X, y)


def test_bad_neighbours_are_one_sentence():
    X, y = unbalanced(8)
    with pytest.raises(InputError, match=r"^SMOTE: k_neighbors must be a whole number, at least 1"):
        SMOTE(k_neighbors=0).fit_resample(X, y)
