import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import has_fit_parameter

from tests.generative.quality.stubs import two_classes
from vaega.core.errors import InputError
from vaega.generative.quality._classifiers import check_classifiers, default_classifiers


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
