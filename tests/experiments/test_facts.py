"""What scores are of, in words."""

import numpy as np
import pytest

from vaega.data._dataset import Dataset
from vaega.experiments.config import make_config
from vaega.experiments.facts import METRICS, Facts, classifier_words, data_record, metric_words
from vaega.experiments.registry import METRICS as KNOWN


def facts_of(dataset, **sections):
    content = {
        "name": "study",
        "dataset": {"source": "made here"},
        "preprocess": [{"impute": "median"}],
        "fitness": {"classifier": "logistic", "C": 0.5, "metric": "roc_auc"},
        "seeds": 3,
    }
    return Facts.of(make_config(content | sections), dataset)


@pytest.fixture
def cohort(rng):
    X = rng.normal(size=(60, 2000))
    X[0, :24] = np.nan
    return Dataset.from_arrays(X, ["no"] * 36 + ["yes"] * 24, name="cohort")


def test_every_metric_has_its_words():
    assert set(METRICS) == set(KNOWN)
    assert metric_words("fbeta").name == "fbeta"


def test_two_classes(cohort):
    facts = facts_of(cohort)
    assert facts.heading == "study: ROC AUC on cohort, 60 rows x 2,000 features"
    assert facts.sentences(0.5) == [
        "Data: 60 rows x 2,000 features; no 36, yes 24; 24 missing values (less than 0.1 %), "
        "imputed by the median.",
        "Score: ROC AUC of yes, the positive class, against no; logistic regression (C 0.5); "
        "chance is 0.500.",
        "Runs: 3 runs of each arm, one seed each, that hold out 30 % of the rows, others each "
        "time.",
    ]


def test_the_positive_class_is_the_second_name(cohort):
    """scikit-learn takes the larger label for the positive one, and codes go by name."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import get_scorer

    X = cohort.y[:, None] + 0.0
    model = LogisticRegression().fit(X, cohort.y)
    assert cohort.class_names[1] == "yes"
    assert model.decision_function(X)[-1] > model.decision_function(X)[0]
    assert get_scorer("roc_auc")(model, X, cohort.y) == 1.0


def test_several_classes_say_how_they_are_averaged(rng):
    labels = [f"type {k % 8}" for k in range(48)]
    data = Dataset.from_arrays(rng.normal(size=(48, 3)), labels, groups=range(48))
    facts = facts_of(data, fitness={"classifier": "knn", "metric": "balanced_accuracy"})
    assert facts.data_sentence == (
        "48 rows x 3 features; 8 classes of 6 to 6 rows; 48 groups; no missing values"
    )
    assert facts.score_sentence == (
        "balanced accuracy (the mean recall of the classes, which count alike); "
        "k nearest neighbours"
    )


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ({"outer": "kfold", "n_splits": 5, "n_repeats": 2}, "in 10 trials of 5 folds"),
        ({"outer": "leave-one-out"}, "in which every row is held out once"),
        ({"outer": "official"}, "all tested on the official part"),
        ({"kind": "as-described", "outer": "official"}, ""),
    ],
)
def test_splits(cohort, protocol, words):
    config = facts_of(cohort).config | {"protocol": {"kind": "honest"} | protocol}
    assert Facts(config).splits_sentence.endswith(words)


def test_official_rows_count_among_all(rng):
    X, y = rng.normal(size=(30, 2)), ["a", "b"] * 15
    data = Dataset.from_arrays(X, y, X_test=X[:10], y_test=y[:10])
    record = data_record(data)
    assert (record["n_rows"], record["n_test_rows"]) == (40, 10)
    assert record["class_counts"] == [20, 20]


def test_what_was_not_recorded_is_left_out(cohort):
    facts = Facts(facts_of(cohort).config, {"name": "cohort", "n_features": 7})
    assert facts.heading == "study: ROC AUC on cohort, 7 features"
    assert facts.data_sentence == "7 features"
    assert "positive" not in facts.score_sentence


def test_a_classifier_by_its_path_has_its_parameters():
    fitness = {"class": "sklearn.svm.NuSVC", "metric": "accuracy", "parameters": {"nu": 0.2}}
    assert classifier_words(fitness) == "sklearn.svm.NuSVC (nu 0.2)"
