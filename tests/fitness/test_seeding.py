from sklearn.ensemble import BaggingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from vaega.fitness._folds import seed_unset, unset_seeds


def test_nested_seeds_are_found():
    nested = make_pipeline(BaggingClassifier(MLPClassifier()))
    assert unset_seeds(nested) == [
        "baggingclassifier__estimator__random_state",
        "baggingclassifier__random_state",
    ]


def test_only_unset_ones_are_set():
    nested = BaggingClassifier(MLPClassifier(random_state=3))
    seed_unset(nested, 9)
    assert nested.random_state == 9
    assert nested.estimator.random_state == 3


def test_nothing_to_set():
    assert seed_unset(KNeighborsClassifier(), 1).get_params() == KNeighborsClassifier().get_params()
    assert unset_seeds(object()) == []
