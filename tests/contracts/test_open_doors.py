"""What a user brings from outside the package, as an object or by name: operators, algorithms,
guides, rules of choice, filters.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from deap import tools
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import SelectKBest, chi2, f_classif
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from vaega import GeneticSelector, load_dataset, operators, selection
from vaega.core.errors import InputError
from vaega.evolution.algorithms import Generational
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.runner import ExecutionOptions
from vaega.selection._settings import SearchSettings

SMALL = {"n_searches": 1, "population_size": 12, "n_generations": 4, "random_state": 0}
HERE = "tests.contracts.test_open_doors"
calls = []


def swap_ends(a, b, *, rng):
    """A crossover: the genes behind a random point change sides."""
    calls.append("swap_ends")
    return operators.crossover_one_point(a, b, rng=rng)


def grow(individual, *, weights, n_features=1, rng):
    """A mutation that names the weights, and a parameter of its own."""
    calls.append(f"grow {n_features}")
    assert len(weights) == len(individual)
    individual[rng.integers(len(individual), size=n_features)] = True
    return (individual,)


class Tournament:
    """A selection with a state of its own, that names the size of a tournament."""

    def __init__(self, most=9):
        self.most = most

    def __call__(self, individuals, k, *, tournament_size, rng):
        calls.append(f"Tournament {tournament_size}")
        size = min(self.most, tournament_size)
        return operators.select_tournament(individuals, k, tournament_size=size, rng=rng)


class RandomSearch:
    """An algorithm of three names: ask, tell and state."""

    def __init__(self, toolbox, *, rng, population_size, share=0.5):
        calls.append(f"RandomSearch {population_size} {share}")
        self.inner = Generational(toolbox, rng=rng, population_size=population_size, elite=1)

    @property
    def state(self):
        return self.inner.state

    def ask(self):
        if self.state.generation:
            self.inner.restart()
        return self.inner.ask()

    def tell(self, scores):
        self.inner.tell(scores)


class Halved(Generational):
    """An algorithm that derives from ours reads the settings by itself."""

    @classmethod
    def from_settings(cls, settings, make_toolbox, rng, **params):
        params = {"population_size": settings.population_size // 2, **params}
        return super().from_settings(settings, make_toolbox, rng, **params)


def spread(X, y, *, seed, power=1):
    """A guide: the spread of each feature; it names the seed, and a parameter of its own."""
    calls.append(f"spread {power}")
    assert len(X) == len(y)
    assert isinstance(seed, int)
    return np.ptp(X, axis=0) ** power


def take_second(sizes, fold_scores):
    """A rule of choice."""
    calls.append(f"take_second of {len(sizes)}")
    assert fold_scores.shape[0] == len(sizes)
    return 1


OWN = {
    "guide": (spread, "spread 1"),
    "crossover": (swap_ends, "swap_ends"),
    "mutation": (grow, "grow 1"),
    "selection": (Tournament(), "Tournament 5"),
    "algorithm": (RandomSearch, "RandomSearch 12 0.5"),
}


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


@pytest.mark.parametrize("key", OWN)
def test_the_selector_takes_an_object(key, two_clouds):
    given, called = OWN[key]
    selector = GeneticSelector(GaussianNB(), **SMALL, **{key: given}).fit(*two_clouds)
    assert called in calls
    assert selector.get_params()[key] is given
    assert len(selector.history_) == 4


def test_it_is_cloned_pickled_and_fitted_to_the_same_mask(two_clouds):
    own = {key: given for key, (given, _) in OWN.items()}
    first = GeneticSelector(GaussianNB(), **SMALL, **own)
    masks = [
        selector.fit(*two_clouds).support_
        for selector in (first, clone(first), pickle.loads(pickle.dumps(first)))  # noqa: S301
    ]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] == masks[2]).all()


def test_an_operator_that_is_ours_as_an_object_gives_what_its_name_gives(two_clouds):
    named = GeneticSelector(GaussianNB(), **SMALL, mutation="bitflip", algorithm="nsga2")
    given = GeneticSelector(
        GaussianNB(),
        **SMALL,
        mutation=operators.mutate_bitflip,
        algorithm={"class": "vaega.evolution.algorithms.NSGA2"},
    )
    named.fit(*two_clouds)
    given.fit(*two_clouds)
    assert (named.support_ == given.support_).all()
    assert named.history_.equals(given.history_)


def test_a_callable_of_deap_without_rng_is_refused(two_clouds):
    with pytest.raises(InputError, match=r"crossover must be one of .* or a callable \(a, b, \*, "):
        GeneticSelector(GaussianNB(), crossover=tools.cxTwoPoint).fit(*two_clouds)


def test_a_derived_algorithm_reads_the_settings_itself(two_clouds):
    selector = GeneticSelector(GaussianNB(), **SMALL, algorithm=Halved).fit(*two_clouds)
    assert selector.history_["n_asked"].tolist() == [6, 11, 16, 21]


@pytest.mark.parametrize(
    ("name", "params", "asked", "called"),
    [
        ("Halved", {"elite": 0}, [6, 12, 18, 24], {"swap_ends", "grow 2", "Tournament 5"}),
        ("RandomSearch", {"share": 0.1}, [12, 23, 34, 45], {"RandomSearch 12 0.1"}),
    ],
)
def test_a_configuration_names_a_class(name, params, asked, called, tmp_path):
    search = {
        "n_searches": 1,
        "population_size": 12,
        "n_generations": 4,
        "crossover": {"class": f"{HERE}.swap_ends"},
        "mutation": {"class": f"{HERE}.grow", "params": {"n_features": 2}},
        "selection": {"class": f"{HERE}.Tournament", "params": {"most": 2}},
        "algorithm": {"class": f"{HERE}.{name}", "params": params},
        "guide": {"class": f"{HERE}.spread", "params": {"power": 2}},
        "choice": {"class": f"{HERE}.take_second"},
        "confirm": 3,
        "confirm_repeats": 1,
    }
    config = make_config(
        {
            "name": "own",
            "dataset": {"source": "sklearn:wine"},
            "protocol": {"final": False},
            "seeds": 1,
            "fitness": {"classifier": "gaussian_nb"},
            "search": search,
        }
    )
    assert config.model_dump()["search"]["crossover"] == search["crossover"]
    options = ExecutionOptions(jobs=1)
    runs, _ = run_experiment(config, load_dataset("sklearn:wine"), tmp_path, options=options)
    assert runs["status"].tolist() == ["done"]
    history = pd.read_csv(next(tmp_path.glob("own/runs/*/history.csv")))
    assert history["n_asked"].tolist() == asked
    assert called | {"spread 2", "take_second of 3"} <= set(calls)


def numbers(individuals, k):
    return individuals[:k]


def demanding(a, b, *, strength, rng):
    return a, b


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"selection": numbers}, "me: selection must be one of "),
        ({"selection": Tournament}, "me: selection must be one of "),  # a class, not an object
        ({"crossover": demanding}, "or a callable (a, b, *, rng), got <function demanding"),
        ({"mutation": 3}, "(individual, *, rng, flip_probability, weights), got 3."),
        ({"algorithm": 3}, "or a class or callable (toolbox, *, rng, population_size"),
        ({"algorithm": numbers}, "me: algorithm must be one of "),
        ({"crossover": {"class": f"{HERE}.demanding"}}, "me: crossover.class must be a callable"),
        (
            {"mutation": {"class": f"{HERE}.grow", "params": {"wings": 2}}},
            f"me: mutation.params must hold parameters of {HERE}.grow, got 'wings'.",
        ),
        ({"mutation": {"class": "no.such"}}, "me: mutation.class must be importable"),
        (
            {"guide": 3},
            "or a function (X, y) that returns one score a feature",
        ),
        ({"guide": {"class": "no.such"}}, "me: guide.class must be importable"),
        ({"choice": 3}, "or a callable (sizes, fold_scores) that returns an index, got 3."),
        (
            {"mutation": grow, "algorithm": "self_adaptive"},
            "me: mutation must have a rate, flip_probability, that algorithm self_adaptive can",
        ),
    ],
)
def test_what_cannot_serve_is_refused_before_anything_runs(settings, sentence):
    with pytest.raises(InputError) as caught:
        SearchSettings(**settings).check(owner="me")
    assert sentence in str(caught.value)
    assert not calls


def test_a_bound_parameter_makes_an_operator_fit():
    given = {"class": f"{HERE}.demanding", "params": {"strength": 2}}
    settings = SearchSettings(crossover=given)
    settings.check(owner="me")
    _, mate, _ = settings.operators(owner="me")
    assert mate.keywords == {"strength": 2}


@pytest.mark.parametrize("own", [{"crossover": swap_ends}, {"algorithm": Halved}])
def test_a_checkpoint_of_one_operator_is_not_that_of_another(own, two_clouds, tmp_path):
    parameters = {**SMALL, "checkpoint": tmp_path}
    named = GeneticSelector(GaussianNB(), **parameters).fit(*two_clouds)
    files = set(tmp_path.glob("*.npz"))
    GeneticSelector(GaussianNB(), **parameters, **own).fit(*two_clouds)
    assert len(set(tmp_path.glob("*.npz")) - files) == 1
    assert named.n_searches_ == 1


def test_an_operator_without_a_text_keeps_no_state(two_clouds, tmp_path):
    def local(a, b, *, rng):
        return a, b

    selector = GeneticSelector(GaussianNB(), **SMALL, checkpoint=tmp_path, crossover=local)
    with pytest.warns(UserWarning, match="state of the search is not kept on disk: crossover"):
        selector.fit(*two_clouds)
    assert not list(tmp_path.glob("*.npz"))


def test_a_rule_of_choice_chooses_among_candidates(two_clouds):
    selector = GeneticSelector(GaussianNB(), **SMALL, confirm=4, choice=take_second)
    assert selector.fit(*two_clouds).candidates_["chosen"].tolist() == [False, True, False, False]
    front = GeneticSelector(GaussianNB(), **SMALL, algorithm="nsga2", choice=take_second)
    assert front.fit(*two_clouds).support_.sum() == front.pareto_front_["n_features"][1]


def test_a_rule_that_returns_no_index_is_said(two_clouds):
    selector = GeneticSelector(GaussianNB(), **SMALL, confirm=4, choice=lambda sizes, scores: 4)
    with pytest.raises(InputError, match="choice must return the index of one of 4 masks, got 4"):
        selector.fit(*two_clouds)


GUIDES = [f_classif, chi2, SelectKBest(f_classif), ExtraTreesClassifier(10), RidgeClassifier()]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: getattr(guide, "__name__", str(guide)))
def test_score_functions_and_estimators_of_scikit_learn_guide(guide, two_clouds):
    X, y = two_clouds
    selector = GeneticSelector(GaussianNB(), guide=guide, **SMALL).fit(np.abs(X), y)
    again = clone(selector).fit(np.abs(X), y)
    np.testing.assert_array_equal(selector.weights_, again.weights_)
    assert selector.weights_.sum() == pytest.approx(1.0)
    assert selector.weights_.min() >= 0.5 / 12
    assert np.ptp(selector.weights_) > 0.0


def test_our_filter_as_an_object_gives_what_its_name_gives(two_clouds):
    named = GeneticSelector(GaussianNB(), guide="f_classif", **SMALL).fit(*two_clouds)
    given = GeneticSelector(GaussianNB(), guide=selection.RANKERS["f_classif"], **SMALL)
    np.testing.assert_array_equal(named.weights_, given.fit(*two_clouds).weights_)


@pytest.mark.parametrize(
    ("guide", "sentence"),
    [
        (chi2, r"^guide: chi2 cannot score the features: Input X must be non-negative\.$"),
        (lambda X, y: np.ones(3), r"must give one score a feature, shape \(12,\), got \(3,\)"),
        (GaussianNB(), "GaussianNB must have one of scores_, feature_importances_, coef_ when"),
    ],
)
def test_a_guide_that_fails_is_one_sentence(guide, sentence, two_clouds):
    with pytest.raises(InputError, match=sentence):
        GeneticSelector(GaussianNB(), guide=guide, **SMALL).fit(*two_clouds)


def test_what_a_guide_cannot_say_counts_nothing(two_clouds):
    def odd(X, y):
        return np.array([np.nan, -1.0, np.inf, 2.0, *np.zeros(8)])

    weights = GeneticSelector(GaussianNB(), guide=odd, **SMALL).fit(*two_clouds).weights_
    assert weights[2] == weights[3] > weights[0] == weights[1] == weights[4]


def test_a_filter_that_is_registered_ranks(monkeypatch, two_clouds):
    monkeypatch.setitem(selection.RANKERS.entries, "spread", lambda X, y: np.ptp(X, axis=0))
    X, y = two_clouds
    order = selection.rank_features("spread", X, y, seed=0)
    np.testing.assert_array_equal(order, np.argsort(-np.ptp(X, axis=0), kind="stable"))
