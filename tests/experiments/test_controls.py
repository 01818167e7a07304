"""Controls of arms with a generator: written by a word, and tuned on real training rows alone."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from vaega import load_dataset
from vaega.core.errors import ConfigError, InputError
from vaega.experiments import make_config, run_experiment
from vaega.experiments.controls import (
    REGULARISERS,
    arms_by_a_word,
    check_regulariser,
    tune_regulariser,
)
from vaega.experiments.registry import CLASSIFIERS
from vaega.selection._search import InnerValidation

AUGMENTED = {"generator": {"kind": "class_gaussian"}, "n_synthetic": 20}
SEARCH = {"population_size": 6, "n_generations": 2, "n_searches": 1}


def experiment(arms, classifier="gaussian_nb"):
    return make_config(
        {
            "name": "controls",
            "dataset": {"source": "sklearn:wine"},
            "protocol": {"inner_folds": 3, "final": False},
            "arms": arms,
            "fitness": {"classifier": classifier},
            "search": SEARCH,
            "seeds": 1,
        }
    )


def test_a_placebo_adds_as_many_bootstrap_rows_as_the_others():
    arms = arms_by_a_word({"a": AUGMENTED, "b": {}, "p": "placebo", "q": "placebo"})
    assert arms["p"] == arms["q"] == {"generator": {"kind": "bootstrap"}, "n_synthetic": 20}
    config = experiment({"a": AUGMENTED, "p": "placebo"})
    assert (config.arms["p"].generator.kind, config.arms["p"].n_synthetic) == ("bootstrap", 20)


@pytest.mark.parametrize(
    ("arms", "known"),
    [
        ({"p": "placebo"}, "not known"),
        ({"p": "placebo", "a": AUGMENTED, "b": {**AUGMENTED, "n_synthetic": 7}}, "7 or 20"),
    ],
)
def test_a_placebo_of_no_amount_is_refused(arms, known):
    with pytest.raises(ConfigError, match=f"whose n_synthetic is {known}; write"):
        experiment(arms)


def test_arms_that_cannot_be_regularised():
    with pytest.raises(ConfigError, match="regularised has no generator and no selector"):
        experiment({"r": {"regularised": True, **AUGMENTED}})
    with pytest.raises(ConfigError, match=r"regularised: takes one of .* got GradientBoosting"):
        experiment({"r": "regularised"}, classifier="gradient_boosting")
    with pytest.raises(InputError, match="got KMeans"):
        check_regulariser(KMeans())


def test_all_but_one_of_the_classifiers_by_name_have_a_regulariser():
    names = {CLASSIFIERS[name].__name__ for name in CLASSIFIERS}
    assert names - set(REGULARISERS) == {"GradientBoostingClassifier"}
    for name in CLASSIFIERS:
        kind = CLASSIFIERS[name]
        if kind.__name__ in REGULARISERS:
            parameter, values, others = REGULARISERS[kind.__name__]
            for value in values:
                kind().set_params(**{parameter: value}, **others)


def inner_of(estimator, X, y):
    def split(rows, seed):
        half = np.arange(len(rows)) % 3
        return [(np.flatnonzero(half != k), np.flatnonzero(half == k)) for k in range(3)]

    return InnerValidation(X, y, split, estimator, get_scorer("accuracy"), seed=0)


def test_the_regulariser_is_the_best_on_inner_folds(rng):
    X, y = rng.normal(size=(60, 200)), np.arange(60) // 3 % 2
    X[:, :40] += 0.4 * y[:, None]
    tuned, value = tune_regulariser(inner_of(RidgeClassifier(1e-6), X, y))
    assert tuned.alpha == value > 1e-6
    nearest, n = tune_regulariser(inner_of(KNeighborsClassifier(1), X[:9], y[:9]))
    assert nearest.n_neighbors == n <= 6  # more than the fit rows cannot be asked


def test_a_regularised_arm_says_its_value_and_serves_as_no_base(tmp_path):
    config = experiment({"original": {}, "augmented": AUGMENTED, "control": "regularised"})
    runs, _ = run_experiment(config, load_dataset("sklearn:wine"), tmp_path)
    assert list(runs["status"]) == ["done"] * 3
    from vaega.report._comparison import read_trial_scores, row_effects

    scores = read_trial_scores(tmp_path / "controls")
    assert scores.bases == ("original",)
    assert {(one.arm, one.base) for one in row_effects(scores)} == {("augmented", "original")}
    values = scores.by_pair("regulariser")["control"]
    choices = {GaussianNB().var_smoothing, *REGULARISERS["GaussianNB"][1]}
    assert set(values) <= choices
