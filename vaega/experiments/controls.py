"""Controls beside an arm with a generator: what a gain has to be more than.

`placebo` adds as many rows, drawn again from the real ones: it changes counts and weights, and
knows nothing new. `regularised` adds none and tunes the classifier's own regulariser on inner folds
of the real training rows: a generator with pooled or shrunk moments is a prior, and a classifier
that has it needs no rows.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.errors import InputError
from vaega.core.randomness import derive_seed, global_seed, seed_unset
from vaega.core.threads import captured_warnings, one_thread
from vaega.data._splits import Fold

if TYPE_CHECKING:
    from vaega.selection._search import InnerValidation

PLACEBO, REGULARISED = "placebo", "regularised"

_POWERS = tuple(10.0**k for k in range(-4, 3))
# By the name of a classifier what regularises it, and the values that are tried; other parameters
# that these need.
REGULARISERS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "DecisionTreeClassifier": ("min_samples_leaf", (1, 2, 4, 8), {}),
    "ExtraTreesClassifier": ("min_samples_leaf", (1, 2, 4, 8), {}),
    "GaussianNB": ("var_smoothing", tuple(10.0**k for k in range(-9, 4)), {}),
    "KNeighborsClassifier": ("n_neighbors", (1, 3, 5, 7, 9, 15), {}),
    "LinearDiscriminantAnalysis": ("shrinkage", (0.1, 0.3, 0.5, 0.7, 0.9), {"solver": "lsqr"}),
    "LinearSVC": ("C", _POWERS, {}),
    "LogisticRegression": ("C", _POWERS, {}),
    "MLPClassifier": ("alpha", tuple(10.0**k for k in range(-5, 2)), {}),
    "NearestCentroid": ("shrink_threshold", (0.1, 0.2, 0.5, 1.0, 2.0), {}),
    "QuadraticDiscriminantAnalysis": ("reg_param", (0.1, 0.3, 0.5, 0.7, 0.9), {}),
    "RandomForestClassifier": ("min_samples_leaf", (1, 2, 4, 8), {}),
    "RidgeClassifier": ("alpha", tuple(10.0**k for k in range(-2, 6)), {}),
    "SVC": ("C", _POWERS, {}),
}


def arms_by_a_word(arms: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return arms in which the words `placebo` and `regularised` are written out."""
    amounts = {
        arm["n_synthetic"]
        for arm in arms.values()
        if isinstance(arm, Mapping) and isinstance(arm.get("n_synthetic"), int)
    }
    written: dict[Any, Any] = {}
    for name, arm in arms.items():
        written[name] = arm
        if arm == REGULARISED:
            written[name] = {"regularised": True}
        elif arm == PLACEBO:
            if len(amounts) != 1:
                known = " or ".join(map(str, sorted(amounts))) or "not known"
                raise ValueError(
                    f"arms.{name}: placebo adds as many rows as the other arms do, whose "
                    f"n_synthetic is {known}; write "
                    "{generator: {kind: bootstrap}, n_synthetic: N} instead"
                )
            (amount,) = amounts
            written[name] = {"generator": {"kind": "bootstrap"}, "n_synthetic": amount}
    return written


def check_regulariser(classifier: Any) -> None:
    """Refuse a classifier of which no regulariser is known."""
    if type(classifier).__name__ not in REGULARISERS:
        raise InputError(
            f"regularised: takes one of {', '.join(sorted(REGULARISERS))}, got "
            f"{type(classifier).__name__}."
        )


def tune_regulariser(inner: "InnerValidation") -> tuple[Any, float]:
    """Return the classifier with the regulariser that is best on inner folds, and its value.

    Of all columns, before any is selected. Of equals the classifier as it is, then the first value
    of the table.
    """
    from sklearn.base import clone

    check_regulariser(inner.estimator)
    name, values, others = REGULARISERS[type(inner.estimator).__name__]
    given = [clone(inner.estimator)]
    given += [clone(inner.estimator).set_params(**{name: value}, **others) for value in values]
    folds = inner.folds()
    with one_thread(), captured_warnings():
        scores = [np.mean([_score(one, fold, inner) for fold in folds]) for one in given]
    best = given[int(np.nanargmax(scores))]
    value = best.get_params()[name]
    return best, float("nan") if value is None else float(value)


def _score(classifier: Any, fold: Fold, inner: "InnerValidation") -> float:
    from sklearn.base import clone

    fitted = seed_unset(clone(classifier), derive_seed(inner.seed, "regulariser"))
    try:
        with global_seed(derive_seed(inner.seed, "regulariser"), fitted):
            fitted.fit(fold.X_fit, fold.y_fit)
            return float(inner.scorer(fitted, fold.X_validate, fold.y_validate))
    except ValueError:  # more neighbours than rows
        return float("nan")
