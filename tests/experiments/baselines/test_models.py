import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.experiments.baselines import MODELS, WIDE, find_model

# Of table 2.1 of the thesis, in its order.
PUBLISHED = [
    "lda", "qda", "ridge", "sgd", "adaboost", "bagging", "decision_tree", "extra_tree",
    "extra_trees", "gradient_boosting", "random_forest", "linear_svc", "nu_svc", "svc",
    "bernoulli_nb", "gaussian_nb", "knn", "mlp",
]  # fmt: skip


def test_they_are_the_models_of_the_thesis():
    assert list(MODELS) == PUBLISHED
    assert len({model.title for model in MODELS.values()}) == 18


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_parameter_of_a_grid_is_one_of_the_pipeline(name):
    model = MODELS[name]
    known = model.make(0).get_params()
    for width in (10, WIDE + 1):
        grid = model.grid_for(width)
        assert grid
        assert set(grid) <= set(known)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", PUBLISHED)
def test_each_fits_in_its_first_settings_and_gives_what_a_score_needs(name, two_clouds):
    X, y = two_clouds
    model = MODELS[name]
    first = {key: values[0] for key, values in model.grid_for(X.shape[1]).items()}
    fitted = model.make(0).set_params(**first).fit(X, y)
    assert np.mean(fitted.predict(X) == y) > 0.6
    assert hasattr(fitted, "decision_function") or hasattr(fitted, "predict_proba")


@pytest.mark.parametrize("name", ["sgd", "random_forest", "mlp"])
def test_the_same_seed_gives_the_same_model(name, two_clouds):
    X, y = two_clouds
    one, two = (MODELS[name].make(3).fit(X, y).predict(X) for _ in range(2))
    assert (one == two).all()


def test_an_unknown_name_gets_one_sentence():
    with pytest.raises(InputError, match=r"--models must be one of .*; got 'xgboost'\.$"):
        find_model("xgboost")
