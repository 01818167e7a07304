"""The thesis's protocols: the search, the rows of the fitness, and what runs record."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from vaega.cli import main
from vaega.core.errors import ConfigError, InputError
from vaega.data._preprocess import Preprocessor
from vaega.data._sources import load_bundled
from vaega.data._splits import Fold
from vaega.evolution._evolution import Callback
from vaega.experiments.config import ArmConfig, ProtocolConfig, SearchConfig
from vaega.experiments.protocols import TrialOptions, make_protocol
from vaega.experiments.store import RUN_COLUMNS
from vaega.fitness._memory import FitnessMemory, PenaltyObjective, WeightedObjective
from vaega.selection._settings import SearchSettings
from vaega.thesis.protocols import (
    AsDescribedProtocol,
    AsRunProtocol,
    TransductiveSearch,
    TransductiveTrial,
    _redrawn,
    mean_metric,
    with_synthetic_rows,
)

N = 30
SETTINGS = SearchSettings(
    n_searches=1,
    guide="none",
    population_size=20,
    n_generations=12,
    initial_fraction=0.2,
    crossover="two_point",
    mutation="bitflip",
).resolved(n_rows=500, n_features=N)
AS_RUN, AS_DESCRIBED = AsRunProtocol.variation, AsDescribedProtocol.variation


def memory():
    return FitnessMemory(lambda masks: masks[:, :5].mean(axis=1), n_features=N)


def evolve(variation, seed=0, settings=SETTINGS, **more):
    search = TransductiveSearch(WeightedObjective(0.5), settings, variation, seed, **more)
    return search.run(memory(), digest="rows")


def test_same_seed_same_masks():
    np.testing.assert_array_equal(evolve(AS_RUN).masks, evolve(AS_RUN).masks)
    assert evolve(AS_RUN).masks.tolist() != evolve(AS_RUN, 1).masks.tolist()


def test_without_mutation_no_feature_is_new():
    class First(Callback):
        def on_generation(self, algorithm):
            if algorithm.state.generation == 1:
                self.union = algorithm.state.masks.any(axis=0)

    first = First()
    state = evolve(AS_RUN, callbacks=(first,))
    assert not (state.masks.any(axis=0) & ~first.union).any()


def test_with_mutation_some_are():
    first = []

    class Watch(Callback):
        def on_generation(self, algorithm):
            first.append(algorithm.state.masks.any(axis=0))

    evolve(AS_DESCRIBED, callbacks=(Watch(),), settings=replace(SETTINGS, initial_fraction=0.02))
    assert any((later & ~first[0]).any() for later in first[1:])


def test_the_elite_stays():
    class Watch(Callback):
        def __init__(self):
            self.best = []

        def on_generation(self, algorithm):
            self.best.append(algorithm.state.scores.max())

    watch = Watch()
    evolve(AS_RUN, callbacks=(watch,))
    assert len(watch.best) == 12
    assert watch.best == sorted(watch.best)


def test_redrawn_parents_come_from_one_pool_of_winners(rng):
    asked = []

    def select(individuals, k):
        asked.append(k)
        return [individuals[0], individuals[2]] * (k // 2)

    drawn = _redrawn(list(range(6)), 50, select=select, rng=rng)
    assert asked == [6]
    assert len(drawn) == 50
    assert set(drawn) == {0, 2}


def test_a_killed_search_goes_on_to_the_same_bits(tmp_path):
    class Kill(Callback):
        def on_generation(self, algorithm):
            if algorithm.state.generation == 7:
                raise KeyboardInterrupt

    whole = evolve(AS_DESCRIBED)
    with pytest.raises(KeyboardInterrupt):
        evolve(AS_DESCRIBED, callbacks=(Kill(),), folder=tmp_path)
    resumed = evolve(AS_DESCRIBED, folder=tmp_path)
    np.testing.assert_array_equal(resumed.masks, whole.masks)
    assert list(resumed.history) == list(whole.history)


@pytest.mark.parametrize("objective", [WeightedObjective(0.7), PenaltyObjective(0.02)])
def test_the_metric_behind_an_objective(objective, rng):
    masks, metric = rng.random((6, N)) < 0.3, rng.random(6)
    value, sizes = objective(metric, masks).mean(), masks.sum(axis=1).mean()
    assert mean_metric(value, sizes, objective, N) == pytest.approx(metric.mean())
    assert np.isnan(mean_metric(0.5, 3, WeightedObjective(0.0), N))


def test_settings_of_our_own_searches_are_refused():
    plain = {"n_searches": 1, "guide": "none"}
    with pytest.raises(InputError, match=r"search\.confirm has no effect with protocol as-run"):
        AsRunProtocol.check_search(SearchConfig(confirm=3, **plain))
    with pytest.raises(InputError, match=r"search\.guide must be none with protocol as-run"):
        AsRunProtocol.check_search(SearchConfig(n_searches=1))
    AsRunProtocol.check_search(SearchConfig(**plain))


VAE = {"kind": "vae", "hidden": [6], "latent": 2, "max_epochs": 3}


@pytest.fixture
def trial(rng):
    X, y = rng.normal(size=(50, 5)) * 3.0 + 1.0, np.tile([0, 1], 25)
    return TransductiveTrial(X[:30], y[:30], X[30:], y[30:], seed=1, generator_seed=2)


def fold_of(trial, *, generator=VAE, n_synthetic=20, columns=None, **protocol):
    arm = ArmConfig()
    if generator is not None:
        arm = ArmConfig(generator=generator, n_synthetic=n_synthetic)
    columns = np.arange(5) if columns is None else columns
    run = SimpleNamespace(
        trial=trial, options=TrialOptions(), n_classes=2, preparation=Preprocessor(["standardize"])
    )
    return make_protocol(ProtocolConfig(**protocol)).fold(run, arm, columns)


def test_as_described_has_every_synthetic_row_in_the_fit_part(trial):
    fold = fold_of(trial, kind="as-described")
    assert len(fold.X_fit) == 30 + 20
    assert len(fold.X_validate) == len(fold.y_validate) == 20
    assert fold.n_real == 30


def test_as_run_puts_three_tenths_among_the_test_rows(trial):
    fold = fold_of(trial, kind="as-run", synthetic_test_share=0.3)
    assert len(fold.X_fit) == 30 + 14
    assert len(fold.X_validate) == 20 + 6
    np.testing.assert_array_equal(fold.y_fit[:30], trial.y)
    np.testing.assert_array_equal(fold.y_validate[:20], trial.y_test)


def test_real_rows_are_scaled_by_the_training_rows_alone(trial):
    for kind in ("as-run", "as-described"):
        fold = fold_of(trial, kind=kind)
        mean, sd = trial.X.mean(axis=0), trial.X.std(axis=0)
        np.testing.assert_allclose(fold.X_fit[:30], (trial.X - mean) / sd)
        np.testing.assert_allclose(fold.X_validate[:20], (trial.X_test - mean) / sd)


def test_exchanged_labels(trial):
    plain = fold_of(trial, kind="as-run")
    exchanged = fold_of(trial, kind="as-run", exchange_labels=True)
    np.testing.assert_array_equal(plain.X_fit, exchanged.X_fit)
    np.testing.assert_array_equal(plain.y_fit[30:], 1 - exchanged.y_fit[30:])


def test_as_described_never_sees_the_test_rows(trial):
    other = TransductiveTrial(
        trial.X, trial.y, trial.X_test + 100.0, trial.y_test, seed=1, generator_seed=2
    )
    np.testing.assert_array_equal(
        fold_of(trial, kind="as-described").X_fit, fold_of(other, kind="as-described").X_fit
    )
    assert (fold_of(trial, kind="as-run").X_fit != fold_of(other, kind="as-run").X_fit).any()


def test_the_generator_sees_the_columns_that_are_left(trial):
    fold = fold_of(trial, kind="as-run", columns=np.array([1, 3]))
    assert fold.X_fit.shape == (50, 2)


def test_the_public_code_has_no_other_generator(trial):
    with pytest.raises(ConfigError, match=r"generator\.kind must be vae or conditional_vae"):
        fold_of(trial, kind="as-run", generator={"kind": "ppca", "latent": 2})


@pytest.mark.parametrize(("n", "share", "in_test"), [(100, 0.3, 30), (7, 0.3, 2), (10, 0.0, 0)])
def test_shares_are_exact_and_spread_over_the_rows(n, share, in_test):
    X, y = np.zeros((2, 1)), np.array([0, 1])
    labels = np.arange(n)
    fold = with_synthetic_rows(
        Fold(X, y, X, y, columns=np.arange(1), n_real=2), np.ones((n, 1)), labels, test_share=share
    )
    assert len(fold.y_validate) == 2 + in_test
    assert sorted([*fold.y_fit[2:], *fold.y_validate[2:]]) == list(range(n))
    if in_test > 1:
        assert np.diff(fold.y_validate[2:]).max() <= np.ceil(1 / share)


CONFIG = {
    "name": "open",
    "dataset": {"source": "sklearn:breast_cancer"},
    "preprocess": ["standardize"],
    "protocol": {"kind": "as-run", "outer": "holdout", "synthetic_test_share": 0.3},
    "arms": {
        "original": {},
        "augmented": {
            "generator": {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 5},
            "n_synthetic": 40,
        },
    },
    "fitness": {
        "classifier": "mlp",
        "hidden_layer_sizes": [5, 3],
        "activation": "tanh",
        "max_iter": 10,
        "random_state": 42,
        "metric": "accuracy",
        "objective": {"kind": "weighted", "alpha": 0.5},
    },
    "search": {
        "n_searches": 1,
        "guide": "none",
        "population_size": 8,
        "n_generations": 3,
        "initial_fraction": 0.3,
        "crossover": "two_point",
        "mutation": "bitflip",
    },
    "seeds": 2,
}


def run(folder, config=CONFIG, *arguments):
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return main(["run", str(path), "--results", str(folder / "results"), *arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    assert run(folder) == 0
    return folder


def metrics_of(finished):
    files = sorted((finished / "results/open/runs").glob("*/metrics.json"))
    return [json.loads(file.read_text()) for file in files]


def test_runs_csv_has_the_thesis_figures_and_the_rows_of_the_fitness(finished):
    runs = pd.read_csv(finished / "results/open/runs.csv")
    assert tuple(runs.columns) == (*RUN_COLUMNS, *AsRunProtocol.columns, "protocol", "fitness_rows")
    assert set(runs["protocol"]) == {"as-run"}
    assert set(runs["fitness_rows"]) == {"the test rows and 30 % of the synthetic rows"}
    assert (runs["heldout_score"] == runs["elite_accuracy"]).all()
    assert (runs["optimism"] == 0.0).all()
    assert runs["population_accuracy"].between(0.0, 1.0).all()


def test_every_output_carries_the_line(finished, capsys):
    line = "Protocol as-run: fitness is computed on the test rows and 30 % of the synthetic rows"
    folder = finished / "results/open"
    assert line in (folder / "report.html").read_text()
    assert all(metrics["statement"].startswith(line) for metrics in metrics_of(finished))
    assert "fitness_rows" in pd.read_csv(folder / "summary.csv")
    assert main(["report", str(folder)]) == 0
    assert line in " ".join(capsys.readouterr().out.split())  # in lines of 80 columns
    assert run(finished) == 0
    assert line in " ".join(capsys.readouterr().out.split())


def test_nothing_is_called_held_out(finished):
    page = (finished / "results/open/report.html").read_text()
    assert "test rows, seen" in page
    assert "held-out [95" not in page


def test_accuracies_are_counts_over_the_rows_of_the_fitness(finished):
    n_test = round(569 * 0.3)
    for metrics in metrics_of(finished):
        n_rows = n_test + (12 if metrics["elite_accuracy"] != metrics["elite_accuracy_real"] else 0)
        for value, n in (
            (metrics["elite_accuracy"], n_rows),
            (metrics["elite_accuracy_real"], n_test),
        ):
            assert min(abs(value * k - round(value * k)) for k in (n, n + 12)) < 1e-6


def test_the_history_has_accuracy_by_generation(finished):
    place = next((finished / "results/open/runs").glob("original-*"))
    history = pd.read_csv(place / "history.csv")
    metrics = json.loads((place / "metrics.json").read_text())
    assert len(history) == 3
    assert history["mean_accuracy"].iloc[-1] == pytest.approx(metrics["population_accuracy"])
    assert history["mean_n_features"].iloc[-1] == metrics["population_n_features"]


def test_all_features_accuracy_is_that_of_scikit_learn(finished):
    from vaega.experiments.config import ProtocolConfig
    from vaega.experiments.protocols import make_protocol

    data = load_bundled("breast_cancer")
    config = ProtocolConfig(kind="as-run", outer="holdout")
    trial = next(iter(make_protocol(config).trials(data, 0)))
    scaler = StandardScaler().fit(trial.X)
    network = MLPClassifier((5, 3), activation="tanh", max_iter=10, random_state=42)
    network.fit(scaler.transform(trial.X), trial.y)
    expected = network.score(scaler.transform(trial.X_test), trial.y_test)
    place = next((finished / "results/open/runs").glob("original-000-*"))
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["all_features_accuracy"] == pytest.approx(expected, abs=0.012)


def test_a_first_selection_leaves_the_features_of_the_second(tmp_path):
    preselect = {"keep": 9, "n_searches": 2, "n_generations": 2, "initial_fraction": 0.5}
    search = CONFIG["search"] | {"preselect": preselect}
    protocol = {"kind": "as-described", "outer": "holdout"}
    config = CONFIG | {"name": "open", "search": search, "protocol": protocol, "seeds": 1}
    assert run(tmp_path, config) == 0
    for place in (tmp_path / "results/open/runs").iterdir():
        history = pd.read_csv(place / "history.csv")
        assert history["selection"].tolist() == [0, 0, 1, 1, 2, 2, 2]
        assert len(pd.read_csv(place / "selected.csv")) <= 9


def test_jobs_change_nothing(finished, tmp_path):
    assert run(tmp_path, CONFIG, "--jobs", "2") == 0
    one, two = (
        pd.read_csv(folder / "results/open/runs.csv").drop(columns="seconds")
        for folder in (finished, tmp_path)
    )
    pd.testing.assert_frame_equal(one, two)


def test_settings_that_do_nothing_are_refused(tmp_path, capsys):
    config = CONFIG | {"search": CONFIG["search"] | {"confirm": 3}}
    assert run(tmp_path, config) == 2
    assert "search.confirm has no effect with protocol as-run; remove it" in capsys.readouterr().err
    np.testing.assert_array_equal(list((tmp_path / "results").glob("*")), [])


def test_generated_rows_are_not_kept_to_the_kinds_of_columns():
    rng, y = np.random.default_rng(0), np.arange(40) % 2
    X = rng.poisson(1.0, size=(40, 12)).astype(float)
    trial = TransductiveTrial(X[:30], y[:30], X[30:], y[30:], 0, 1)
    run = SimpleNamespace(
        trial=trial, options=TrialOptions(), n_classes=2, preparation=Preprocessor([])
    )
    protocol = make_protocol(ProtocolConfig(kind="as-described"))
    for kind in ("jitter", "class_gaussian"):
        arm = ArmConfig.model_validate({"generator": {"kind": kind}, "n_synthetic": 50})
        fold = protocol.fold(run, arm, np.arange(12))
        new = fold.X_fit[fold.n_real :]
        assert len(new) == 50
        assert new.min() < 0.0
        assert (new != np.rint(new)).mean() > 0.9
