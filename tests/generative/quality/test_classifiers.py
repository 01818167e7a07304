import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, classification_report, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import has_fit_parameter

from tests.generative.quality.stubs import DiagonalGaussian, compared, two_classes
from vaega.core.errors import InputError
from vaega.generative.quality import _classifiers as copies
from vaega.generative.quality import _classifiers as densities
from vaega.generative.quality import _classifiers as twosample
from vaega.generative.quality._classifiers import (
    check_classifiers,
    check_copies,
    compare_samples,
    default_classifiers,
    measure_densities,
    measure_transfer,
    membership_auc,
    nearest,
)
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
    result = scores(rows).loc["real", "real"]
    assert result["accuracy"] == pytest.approx(expected["accuracy"])
    assert result["macro_f1"] == pytest.approx(expected["macro avg"]["f1-score"])
    assert result["macro_precision"] == pytest.approx(expected["macro avg"]["precision"])
    assert result["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(rows.y_test, predicted)
    )
    table = measure_transfer(rows, NB, seed=0).by_class
    zero = table[(table["trained_on"] == "real") & (table["tested_on"] == "real")].iloc[0]
    for name, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert zero[name] == pytest.approx(expected["0"][theirs])
    assert zero["support"] == expected["0"]["support"]


def test_wrong_labels_ruin_what_is_trained_on_them_only():
    X, y = two_classes(200, seed=2, distance=4.0)
    result = scores(compared(X_synthetic=X, y_synthetic=1 - y))["accuracy"]
    assert result["real", "real"] > 0.85
    assert result["synthetic", "real"] < 0.3
    assert result["real", "synthetic"] < 0.3
    assert result["synthetic", "synthetic"] > 0.9


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


def test_the_network_is_the_thesiss():
    network = default_classifiers(38)["mlp"][-1]
    assert network.hidden_layer_sizes == (5, 3)
    assert network.activation == "tanh"
    assert network.max_iter == 3000
    assert not has_fit_parameter(network, "unheard_of")


def test_a_full_batch_is_not_shuffled_and_nothing_changes_but_the_order_of_sums():
    X, y = two_classes(60)
    usual = MLPClassifier((5, 3), activation="tanh", max_iter=60, random_state=0).fit(X, y)
    ours = default_classifiers(60)["mlp"].set_params(
        mlpclassifier__random_state=0, mlpclassifier__max_iter=60
    )
    ours.fit(X, y)
    assert ours.predict_proba(X) == pytest.approx(usual.predict_proba(X), abs=2e-3)
    assert default_classifiers(201)["mlp"][-1].shuffle


@pytest.mark.parametrize("given", [{}, [GaussianNB()], {"a": GaussianNB}, {"a": 3}, "knn"])
def test_what_is_no_mapping_of_classifiers_is_refused(given):
    with pytest.raises(InputError, match="classifiers"):
        check_classifiers(given, owner="measure_quality")


def test_all_take_rows():
    X, y = two_classes(60)
    for classifier in default_classifiers(60).values():
        assert np.mean(classifier.fit(X, y).predict(X) == y) > 0.8


def p_values(rows, others="synthetic", seed=0):
    table = compare_samples(rows, rng=np.random.default_rng(seed))
    return table[table["others"] == others].set_index("classifier")["p_value"]


@pytest.mark.parametrize("p", [3, 20, 2000])
def test_rows_of_one_distribution_are_not_told_apart(p):
    result = p_values(compared(p=p))
    assert result.min() > 0.01


def test_by_chance_as_often_as_the_p_value_says():
    least = [
        p_values(compared(p=200, X_synthetic=two_classes(200, 200, seed=100 + seed)[0]), seed=seed)
        for seed in range(25)
    ]
    assert np.mean([result["linear"] < 0.05 for result in least]) <= 0.15
    assert np.mean([result["spread"] < 0.05 for result in least]) <= 0.15


@pytest.mark.parametrize("p", [20, 2000])
def test_shifted_rows_are_told_apart_by_the_linear_classifier(p):
    X, _ = two_classes(200, p, seed=2)
    assert p_values(compared(p=p, X_synthetic=X + 0.8))["linear"] < 1e-4


@pytest.mark.parametrize("p", [20, 2000])
def test_rows_that_vary_too_little_are_told_apart_by_the_spread_classifier(p):
    X, _ = two_classes(200, p, seed=2)
    assert p_values(compared(p=p, X_synthetic=0.5 * X))["spread"] < 1e-4


def test_lost_correlations_are_told_apart():
    def made(n, seed, together):
        rng = np.random.default_rng(seed)
        return together * rng.normal(size=(n, 1)) + rng.normal(size=(n, 100)), np.arange(n) % 2

    rows = check_rows(*made(60, 0, 1.0), *made(200, 1, 0.0), *made(60, 2, 1.0))
    assert p_values(rows)["spread"] < 1e-3
    assert p_values(rows, "fit").min() > 0.005


def test_held_out_rows_from_elsewhere_are_told_from_fit_rows_too():
    (X, y), (S, s), (T, t) = (two_classes(60, seed=seed) for seed in range(3))
    rows = check_rows(X, y, S, s, T + 1.0, t)
    assert p_values(rows).min() < 1e-4
    assert p_values(rows, "fit").min() < 1e-4


def test_classes_are_as_many_on_both_sides():
    X, _ = two_classes(200, seed=2)
    rows = compared(n_test=10, y_synthetic=np.repeat([0, 1], [190, 10]), X_synthetic=X)
    assert compare_samples(rows, rng=np.random.default_rng(0))["n_rows"].tolist() == [20] * 4


def test_many_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(twosample, "MAX_ROWS", 30)
    rows = compared(n_fit=100, n_test=100)
    assert compare_samples(rows, rng=np.random.default_rng(0))["n_rows"].max() <= 62


def test_same_generator_same_bits():
    tables = [compare_samples(compared(), rng=np.random.default_rng(5)) for _ in range(2)]
    assert tables[0].equals(tables[1])


def check(rows):
    return check_copies(rows, rng=np.random.default_rng(0))


def test_rows_of_one_distribution_are_no_copies():
    result = check(compared(n_test=60))
    assert result.duplicates == result.repeated == 0.0
    assert result.closer == pytest.approx(result.closer_heldout, abs=0.2)
    assert result.to_fit == pytest.approx(0.5, abs=0.15)


def test_copies_are_counted():
    X, y = two_classes(40, seed=1)
    S, s = two_classes(40, seed=2)
    S[:10] = X[:10]
    result = check(check_rows(X, y, S, s, *two_classes(30, seed=3)))
    assert result.duplicates == 0.25


def test_near_copies_are_closer_than_real_rows_are():
    X, y = two_classes(40, seed=1)
    near = X + 0.05 * np.random.default_rng(0).normal(size=X.shape)
    result = check(check_rows(X, y, near, y, *two_classes(30, seed=3)))
    assert result.duplicates == 0.0
    assert result.near == result.closer == 1.0
    assert result.near_heldout == 0.0
    assert result.to_fit > 0.7
    assert result.ratio < result.ratio_heldout / 3


def test_repeated_rows_are_counted():
    X, y = two_classes(40, seed=1)
    S, s = two_classes(20, seed=2)
    result = check(check_rows(X, y, np.tile(S, (2, 1)), np.tile(s, 2), *two_classes(30, seed=3)))
    assert result.repeated == 0.5


def test_neighbours_are_those_of_all_distances(monkeypatch):
    monkeypatch.setattr(copies, "BLOCK", 7)
    rng = np.random.default_rng(0)
    rows, among = rng.normal(size=(20, 5)), rng.normal(size=(11, 5))
    gaps = np.linalg.norm(rows[:, None] - among, axis=2)
    positions, distances = nearest(rows, among)
    assert positions.tolist() == gaps.argmin(axis=1).tolist()
    assert distances == pytest.approx(gaps.min(axis=1))
    own = np.linalg.norm(rows[:, None] - rows, axis=2) + np.diag(np.full(20, np.inf))
    assert nearest(rows, rows, without_self=True)[1] == pytest.approx(own.min(axis=1))


def test_the_area_is_scikit_learns():
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 9, 30) + 1.0, rng.integers(0, 9, 20) * 1.0
    labels = np.repeat([1, 0], [30, 20])
    expected = roc_auc_score(labels, np.concatenate([inside, outside]))
    assert membership_auc(inside, outside) == pytest.approx(expected)


def test_a_model_that_memorises_has_a_gap_and_is_found_out():
    rows = compared(n_fit=10, n_test=60, p=200)
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert row["gap"] == pytest.approx(row["fit"] - row["heldout"])
    assert row["gap"] > 0.1
    assert row["auc"] > 0.9


def test_with_many_rows_there_is_no_gap():
    rows = compared(n_fit=2000, n_test=1000)
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert abs(row["gap"]) < 0.03
    assert row["auc"] == pytest.approx(0.5, abs=0.04)


def test_figures_are_means_per_column_that_varies():
    rows = compared()
    rows.X_fit[:, 4] = 1.0
    model = DiagonalGaussian()
    model.score_samples = lambda X: np.full(len(X), -38.0)
    row = measure_densities(model, rows, references=False).iloc[0]
    assert (row["fit"], row["heldout"], row["gap"], row["auc"]) == (-2.0, -2.0, 0.0, 0.5)


def test_references_are_fitted_on_the_same_rows(monkeypatch):
    class Reference(DiagonalGaussian):
        pass

    monkeypatch.setattr(densities, "_references", lambda: [Reference()])
    rows = compared()
    model = DiagonalGaussian().fit(rows.X_fit, rows.y_fit)
    table = measure_densities(model, rows)
    assert table["model"].tolist() == ["DiagonalGaussian", "Reference"]
    assert table["heldout"].nunique() == 1
    assert measure_densities(Reference().fit(rows.X_fit, rows.y_fit), rows)["model"].tolist() == [
        "Reference"
    ]


def test_the_references_are_the_closed_forms():
    table = measure_densities(None, compared())
    assert table["model"].tolist() == ["ProbabilisticPCA", "ClassGaussian"]
    assert np.isfinite(table[["fit", "heldout", "gap", "auc"]].to_numpy()).all()


def test_without_likelihood_the_table_is_empty():
    assert measure_densities(object(), compared(), references=False).empty
