import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, classification_report
from sklearn.naive_bayes import GaussianNB

from tests.generative.quality.stubs import compared, two_classes
from vaega.generative.quality._classifiers import measure_transfer
from vaega.generative.quality._rows import check_rows

NB = {"nb": GaussianNB()}


def scores(rows, classifiers=NB):
    table = measure_transfer(rows, classifiers, seed=0).scores
    return table.set_index(["trained_on", "tested_on"])


def test_all_four_ways_are_there_for_each_classifier():
    transfer = measure_transfer(compared(), None, seed=0)
    assert len(transfer.scores) == 4 * 4
    assert len(transfer.by_class) == 4 * 4 * 2
    assert set(transfer.scores["classifier"]) == {"mlp", "logistic", "knn", "gaussian_nb"}


def test_figures_are_those_of_scikit_learn():
    rows = compared(n_test=41)
    model = GaussianNB().fit(rows.X_fit, rows.y_fit)
    predicted = model.predict(rows.X_test)
    expected = classification_report(rows.y_test, predicted, output_dict=True)
    found = scores(rows).loc["real", "real"]
    assert found["accuracy"] == pytest.approx(expected["accuracy"])
    assert found["macro_f1"] == pytest.approx(expected["macro avg"]["f1-score"])
    assert found["macro_precision"] == pytest.approx(expected["macro avg"]["precision"])
    assert found["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(rows.y_test, predicted)
    )
    table = measure_transfer(rows, NB, seed=0).by_class
    zero = table[(table["trained_on"] == "real") & (table["tested_on"] == "real")].iloc[0]
    for name, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert zero[name] == pytest.approx(expected["0"][theirs])
    assert zero["support"] == expected["0"]["support"]


def test_wrong_labels_ruin_what_is_trained_on_them_only():
    X, y = two_classes(200, seed=2, distance=4.0)
    found = scores(compared(X_synthetic=X, y_synthetic=1 - y))["accuracy"]
    assert found["real", "real"] > 0.85
    assert found["synthetic", "real"] < 0.3
    assert found["real", "synthetic"] < 0.3
    assert found["synthetic", "synthetic"] > 0.9


def test_synthetic_rows_that_test_do_not_train():
    rows = compared(n_synthetic=50)
    table = scores(rows)
    assert table.loc[("synthetic", "real"), "n_training"] + table.loc[
        ("real", "synthetic"), "n_test"
    ] == len(rows.X_synthetic)


def test_two_synthetic_rows_a_class_are_enough():
    X, y = two_classes(40)
    table = scores(check_rows(X, y, X[:4], y[:4], X, y))
    assert table.loc[("synthetic", "synthetic"), "n_test"] == 2


def test_a_class_without_test_rows_does_not_count():
    X, y = two_classes(40)
    table = scores(check_rows(X, y, X, y, X[y == 0], y[y == 0]))
    row = table.loc[("real", "real")]
    assert row["balanced_accuracy"] == row["accuracy"]


def test_same_seed_same_bits_and_classifiers_given_stay_unfitted():
    given = {"logistic": LogisticRegression(solver="saga", max_iter=5)}
    one, two = (measure_transfer(compared(), given, seed=3) for _ in range(2))
    assert one.scores.equals(two.scores)
    assert one.by_class.equals(two.by_class)
    assert not hasattr(given["logistic"], "coef_")
    assert given["logistic"].random_state is None


def test_the_network_does_not_depend_on_the_global_state():
    np.random.seed(1)  # noqa: NPY002
    one = measure_transfer(compared(), None, seed=3).scores
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert one.equals(measure_transfer(compared(), None, seed=3).scores)
