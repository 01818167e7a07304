"""Searches: what they find, see and resume; votes, confirmation, noise."""

import itertools

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold, LeaveOneOut, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from vaega import GaussianJitter, GeneticSelector, make_madelon
from vaega.core.errors import InputError
from vaega.evolution._logs import KeepHistory
from vaega.fitness._memory import FitnessMemory, PenaltyObjective, WeightedObjective
from vaega.selection._rankers import Views
from vaega.selection._search import (
    InnerValidation,
    SavedState,
    build_toolbox,
    pareto_front,
    run_search,
)
from vaega.selection._settings import SearchSettings


def search(fitness, objective, n_features=12, seed=0, saved=None, **settings):
    return run_search(
        FitnessMemory(fitness, n_features=n_features, objective=objective),
        SearchSettings(**settings).resolved(n_rows=1000, n_features=n_features),
        views=Views.none(n_features),
        seed=seed,
        saved=saved,
    )


def counts(result):
    return result.evaluations.n_asked, result.evaluations.n_distinct


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_of_twelve_features_is_that_of_brute_force(seed):
    values = np.random.default_rng(seed).normal(size=12)
    pairs = np.random.default_rng(seed + 100).normal(size=(12, 12)) / 3

    def fitness(masks):
        return masks @ values + np.einsum("mi,ij,mj->m", masks, pairs, masks)

    everything = np.array(list(itertools.product([False, True], repeat=12)))[1:]
    best = fitness(everything).max()
    result = search(fitness, PenaltyObjective(0.0), population_size=60, n_generations=40)
    assert result.score == pytest.approx(best)


def test_a_royal_road(rng):
    blocks = np.arange(64).reshape(8, 8)

    def fitness(masks):
        return masks[:, blocks].all(axis=2).mean(axis=1)

    result = search(
        fitness,
        PenaltyObjective(0.0),
        64,
        population_size=200,
        n_generations=80,
        initial_fraction=0.5,
        crossover="two_point",
        mutation="bitflip",
    )
    assert result.score == 1.0


def test_counts_and_best_score_belong_together():
    asked = []

    def fitness(masks):
        asked.append(len(masks))
        return masks.mean(axis=1)

    result = search(fitness, WeightedObjective(1.0), population_size=20, n_generations=6)
    counts = result.evaluations
    assert counts.n_asked == 20 + 5 * 19
    assert sum(asked) == counts.n_distinct <= counts.n_asked
    assert result.score == pytest.approx(result.mask.mean())


def test_a_search_resumes_from_its_checkpoint(tmp_path):
    def fitness(masks):
        return masks[:, :6].mean(axis=1) - masks[:, 6:].mean(axis=1)

    class Killed(Exception):
        pass

    calls = []

    def dying(masks):
        calls.append(1)
        if len(calls) == 5:
            raise Killed
        return fitness(masks)

    def run(function, path):
        return search(
            function,
            PenaltyObjective(0.001),
            30,
            seed=2,
            saved=SavedState(path),
            population_size=16,
            n_generations=9,
        )

    whole = run(fitness, tmp_path / "whole.npz")
    with pytest.raises(Killed):
        run(dying, tmp_path / "killed.npz")
    resumed = run(fitness, tmp_path / "killed.npz")
    np.testing.assert_array_equal(resumed.mask, whole.mask)
    np.testing.assert_array_equal(resumed.frequencies, whole.frequencies)
    assert resumed.history.equals(whole.history)
    assert counts(resumed) == counts(whole)


def test_a_damaged_checkpoint_is_said_and_the_search_starts_anew(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match="cannot be read as a checkpoint.*starts anew"):
        result = search(
            lambda masks: masks.mean(axis=1),
            PenaltyObjective(0.0),
            8,
            saved=SavedState(path),
            n_generations=2,
        )
    assert result.mask.any()


def test_a_search_that_stagnated_stops_in_the_same_generation_after_a_resume(tmp_path):
    def run(path):
        return search(
            lambda masks: masks[:, :3].mean(axis=1).round(1),
            PenaltyObjective(0.0),
            20,
            seed=5,
            saved=SavedState(path),
            population_size=10,
            n_generations=40,
            patience=2,
        )

    first, again = run(tmp_path / "state.npz"), run(tmp_path / "state.npz")
    assert len(first.history) < 40
    assert again.history.equals(first.history)
    np.testing.assert_array_equal(again.mask, first.mask)
    assert counts(again) == counts(first)


def test_a_checkpoint_of_another_search_is_not_taken(tmp_path):
    def fitness(masks):
        return masks.mean(axis=1)

    path = tmp_path / "state.npz"
    search(fitness, PenaltyObjective(0.0), saved=SavedState(path, "one"), n_generations=2)
    with pytest.warns(UserWarning, match="other settings or data. The search starts anew"):
        search(fitness, PenaltyObjective(0.0), saved=SavedState(path, "two"), n_generations=2)


def planted(masks):
    return masks[:, :4].mean(axis=1) - masks[:, 4:].mean(axis=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"algorithm": "steady_state", "n_generations": 60},
        {"algorithm": "nsga2", "choice": "best"},
        {"algorithm": "islands", "n_islands": 2, "population_size": 60},
        {"algorithm": "self_adaptive"},
        {"restart_after": 3},
        {"selection": "rank"},
        {"selection": "window"},
        {"selection": "stochastic_universal"},
        {"crossover": "half_uniform", "mutation": "filter_guided"},
        {"crossover": "size_preserving", "n_generations": 60},
        {"mutation": "swap"},
    ],
    ids=str,
)
def test_every_way_to_search_finds_what_is_planted_and_resumes(settings, tmp_path):
    settings = {"population_size": 40, "n_generations": 40, "initial_fraction": 0.1, **settings}
    whole = search(planted, PenaltyObjective(0.0), 40, seed=1, **settings)
    assert whole.mask[:4].sum() >= 3
    assert whole.mask[4:].sum() <= 2
    saved = SavedState(tmp_path / "state.npz")
    part = {**settings, "n_generations": settings["n_generations"] // 2}
    search(planted, PenaltyObjective(0.0), 40, seed=1, saved=saved, **part)
    resumed = search(planted, PenaltyObjective(0.0), 40, seed=1, saved=saved, **settings)
    np.testing.assert_array_equal(resumed.mask, whole.mask)
    assert resumed.history.equals(whole.history)
    assert counts(resumed) == counts(whole)


@pytest.mark.parametrize("algorithm", ["generational", "steady_state", "nsga2", "islands"])
def test_pinned_and_forbidden_features_and_sizes_hold_for_every_mask(algorithm):
    asked = []

    def fitness(masks):
        asked.append(masks.copy())
        return masks.mean(axis=1)

    bounds = {"pinned": (3, 17), "forbidden": (0, 9), "min_features": 3, "max_features": 6}
    search(
        fitness,
        WeightedObjective(1.0),
        30,
        algorithm=algorithm,
        population_size=20,
        n_generations=6,
        **bounds,
    )
    masks = np.concatenate(asked)
    assert masks[:, [3, 17]].all()
    assert not masks[:, [0, 9]].any()
    assert set(masks.sum(axis=1)) <= {3, 4, 5, 6}


@pytest.mark.parametrize(
    ("stop", "reached"),
    [
        ({"max_evaluations": 60}, lambda result: 60 <= result.evaluations.n_distinct < 100),
        ({"target": 0.2}, lambda result: len(result.history) < 40),
        ({"patience": 2}, lambda result: len(result.history) < 40),
        ({"max_seconds": 1e-6}, lambda result: len(result.history) == 1),
    ],
    ids=["evaluations", "target", "patience", "seconds"],
)
def test_a_search_stops_when_it_is_told_to(stop, reached):
    settings = {"population_size": 20, "n_generations": 40, "initial_fraction": 0.3}
    assert reached(search(planted, PenaltyObjective(0.0), 40, **settings, **stop))


def test_nsga2_takes_the_smallest_mask_within_a_standard_error():
    def fitness(masks):
        return np.minimum(masks.sum(axis=1), 3) / 3

    result = search(fitness, WeightedObjective(1.0), algorithm="nsga2", choice="one_standard_error")
    assert result.mask.sum() == 3
    knee = search(fitness, WeightedObjective(1.0), algorithm="nsga2", choice="knee")
    assert 1 <= knee.mask.sum() <= 3


SMALL = {"population_size": 10, "n_generations": 3, "random_state": 0}


class Spy(ClassifierMixin, BaseEstimator):
    """Gaussian naive Bayes that notes the rows of each fit, by the number in their first column."""

    fitted: list = []  # noqa: RUF012 - shared by all clones

    def fit(self, X, y):
        Spy.fitted.append(frozenset(X[:, 0].round(6).tolist()))
        self.classes_, self.model_ = np.unique(y), GaussianNB().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


@pytest.fixture
def numbered(two_clouds):
    X, y = two_clouds
    return np.column_stack([np.arange(60) / 1e3, X]), y


def test_each_search_sees_its_own_four_fifths_of_the_rows(numbered):
    X, y = numbered
    Spy.fitted = []
    GeneticSelector(Spy(), n_searches=4, cv=4, pinned=[0], **SMALL).fit(X, y)
    rows = {round(value, 6): place for place, value in enumerate(X[:, 0])}
    subsamples = set()
    for fitted in set(Spy.fitted):
        seen = {rows[value] for value in fitted}
        if len(seen) == 48:  # the fit before the rows that this search did not see
            subsamples.add(frozenset(seen))
        else:
            assert len(seen) == 36
    assert len(subsamples) == 4
    for fitted in set(Spy.fitted):
        seen = {rows[value] for value in fitted}
        assert any(seen <= subsample for subsample in subsamples)


def test_frequencies_are_shares_of_the_searches(two_clouds):
    selector = GeneticSelector(GaussianNB(), n_searches=5, **SMALL).fit(*two_clouds)
    assert selector.n_searches_ == len(selector.masks_) == 5
    np.testing.assert_array_equal(selector.frequencies_, selector.masks_.mean(axis=0))
    assert -1.0 <= selector.stability_.value <= 1.0
    assert selector.stability_.low <= selector.stability_.value <= selector.stability_.high
    assert selector.history_.groupby("search").size().tolist() == [3] * 5
    assert {"n_features", "score", "standard_error"} == set(selector.sizes_.columns)


def test_few_rows_vote_and_many_do_not():
    few = make_madelon(80, 20, random_state=0)
    many = make_madelon(320, 20, random_state=0)
    narrow = few.X[:, :6]
    assert GeneticSelector(GaussianNB(), **SMALL).fit(few.X, few.y).n_searches_ == 10
    assert GeneticSelector(GaussianNB(), **SMALL).fit(many.X, many.y).n_searches_ == 1
    assert GeneticSelector(GaussianNB(), **SMALL).fit(narrow, few.y).n_searches_ == 1


@pytest.mark.parametrize("size", [1, 4, 12, 50])
def test_as_many_features_as_are_asked_for_are_selected(two_clouds, size):
    selector = GeneticSelector(GaussianNB(), n_searches=3, consensus_size=size, **SMALL)
    assert selector.fit(*two_clouds).support_.sum() == min(size, 12)


def test_error_control_selects_what_nearly_all_searches_find(two_clouds):
    selector = GeneticSelector(
        GaussianNB(), n_searches=12, consensus_size="error_control", **SMALL
    ).fit(*two_clouds)
    assert selector.frequencies_[selector.support_].min() > 0.5


def test_bounds_and_pins_hold_after_the_vote(two_clouds):
    bounds = {"min_features": 4, "max_features": 5, "pinned": [11], "forbidden": [0]}
    support = (
        GeneticSelector(GaussianNB(), n_searches=3, **SMALL, **bounds).fit(*two_clouds).support_
    )
    assert 4 <= support.sum() <= 5
    assert support[11]
    assert not support[0]


OPTIONS = {
    "vote": {"n_searches": 3},
    "confirmation": {"n_searches": 1, "confirm": 4},
    "everything": {"n_searches": 2, "confirm": 3},
    "front": {"algorithm": "nsga2", "confirm": 3},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_result_depends_on_no_job_and_on_no_backend(two_clouds, options):
    classifier = MLPClassifier((2,), max_iter=3)
    fitted = []
    for n_jobs, backend in ((1, "loky"), (2, "loky"), (8, "threading")):
        selector = GeneticSelector(classifier, cv=3, n_jobs=n_jobs, **SMALL, **options)
        with parallel_config(backend=backend), pytest.warns(UserWarning, match="MLPClassifier"):
            fitted.append(selector.fit(*two_clouds))
    for other in fitted[1:]:
        np.testing.assert_array_equal(other.support_, fitted[0].support_)
        pd.testing.assert_frame_equal(other.history_, fitted[0].history_, check_exact=True)
        assert other.best_score_ == fitted[0].best_score_
        assert other.warnings_ == fitted[0].warnings_
        assert other.n_fits_ == fitted[0].n_fits_


class Dying(GaussianNB):
    """Gaussian naive Bayes that is interrupted when its clones have been fitted so many times."""

    left = float("inf")

    def fit(self, X, y):
        Dying.left -= 1
        if Dying.left == 0:
            raise KeyboardInterrupt
        return super().fit(X, y)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_an_interrupted_search_of_any_kind_goes_on(two_clouds, options, share, tmp_path):
    settings = {"cv": 3, **SMALL, **options}
    Dying.left = 1_000_000
    # With a store of its own, which scores no mask twice: the share is one of the fits that count.
    whole = GeneticSelector(Dying(), checkpoint=tmp_path / "whole", **settings).fit(*two_clouds)
    Dying.left = int(share * (1_000_000 - Dying.left))
    selector = GeneticSelector(Dying(), checkpoint=tmp_path / "cut", **settings)
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*two_clouds)
    resumed = selector.fit(*two_clouds)
    np.testing.assert_array_equal(resumed.support_, whole.support_)
    np.testing.assert_array_equal(resumed.masks_, whole.masks_)
    pd.testing.assert_frame_equal(resumed.history_, whole.history_, check_exact=True)
    assert resumed.best_score_ == whole.best_score_
    assert resumed.n_fits_ == whole.n_fits_


def test_confirmation_scores_the_best_masks_on_folds_the_search_did_not_use(two_clouds):
    selector = GeneticSelector(GaussianNB(), n_searches=1, confirm=5, **SMALL).fit(*two_clouds)
    table = selector.candidates_
    assert len(table) == 5
    assert table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "n_features"].item() == selector.support_.sum()
    assert table.loc[table["chosen"], "score"].item() == selector.best_score_
    assert not np.allclose(table["score"], table["inner_score"])


def test_fits_are_masks_times_folds(two_clouds):
    plain = GeneticSelector(GaussianNB(), n_searches=1, **SMALL).fit(*two_clouds)
    assert plain.n_fits_ == plain.n_evaluations_ * 5


def test_each_draw_of_generated_rows_gives_each_split_a_fold(two_clouds):
    X, y = two_clouds
    splits = list(StratifiedKFold(3).split(X, y))
    inner = InnerValidation(
        X, y, split=lambda rows, seed: splits, estimator=GaussianNB(), scorer=None, seed=0,
        sampler=GaussianJitter(n_per_class=5), n_draws=2,
    )  # fmt: skip
    first, second = inner.folds()[:3], inner.folds()[3:]
    for one, other, (fit, validate) in zip(first, second, splits, strict=True):
        for fold in (one, other):
            np.testing.assert_array_equal(fold.X_fit[: fold.n_real], X[fit])
            np.testing.assert_array_equal(fold.X_validate, X[validate])
        assert not np.isin(one.X_fit[len(fit) :], other.X_fit[len(fit) :]).any()


def test_draws_are_five_for_one_search_on_few_rows_and_none_without_a_sampler(two_clouds):
    jitter = {"sampler": GaussianJitter(n_per_class=5), "cv": 3, "random_state": 0, **SMALL}

    def folds(**settings):
        selector = GeneticSelector(GaussianNB(), **jitter | settings).fit(*two_clouds)
        return selector.n_fits_ / selector.n_evaluations_

    assert folds(n_searches=1) == 15
    assert folds(n_searches=1, n_draws=2) == 6
    assert folds(n_searches=1, sampler=None, n_draws=4) == 3
    assert SearchSettings().resolved(n_rows=200, n_features=500).n_draws == 1  # ten searches
    assert SearchSettings().resolved(n_rows=300, n_features=500).n_draws == 1


def test_a_confirmation_counts_validate_rows_once_whatever_the_draws(two_clouds):
    settings = {"n_searches": 1, "confirm": 4, "confirm_repeats": 2, "cv": 3, **SMALL}
    draws = {"sampler": GaussianJitter(n_per_class=5)}
    seen = []

    def choice(sizes, fold_scores):
        seen.append(np.shape(fold_scores))
        return 0

    GeneticSelector(GaussianNB(), n_draws=5, choice=choice, **settings, **draws).fit(*two_clouds)
    assert seen == [(4, 6)]


@pytest.mark.parametrize("n_draws", [0, 1.5, "many"])
def test_a_number_of_draws_that_is_none_is_said(two_clouds, n_draws):
    with pytest.raises(InputError, match=r"^GeneticSelector: n_draws must be .*, got .*\.$"):
        GeneticSelector(GaussianNB(), n_draws=n_draws).fit(*two_clouds)


def test_confirmation_is_less_optimistic_on_random_labels():
    rng = np.random.default_rng(5)
    plain, confirmed = [], []
    for seed in range(4):
        X, y = rng.normal(size=(50, 100)), rng.permutation(np.repeat([0, 1], 25))
        settings = {"n_searches": 1, "population_size": 20, "n_generations": 6}
        plain.append(GeneticSelector(GaussianNB(), random_state=seed, **settings).fit(X, y))
        settings["confirm"] = 5
        confirmed.append(GeneticSelector(GaussianNB(), random_state=seed, **settings).fit(X, y))
    lied = np.mean([one.best_score_ for one in plain])
    said = np.mean([one.best_score_ for one in confirmed])
    assert lied > said + 0.03


def test_a_vote_reports_what_unseen_rows_say_of_random_labels():
    rng = np.random.default_rng(6)
    scores = []
    for seed in range(5):
        X, y = rng.normal(size=(50, 60)), rng.permutation(np.repeat([0, 1], 25))
        settings = {"n_searches": 4, "population_size": 12, "n_generations": 3}
        selector = GeneticSelector(GaussianNB(), random_state=seed, **settings).fit(X, y)
        scores.append(selector.best_score_)
    assert abs(np.mean(scores) - 0.5) < 0.1


@pytest.mark.parametrize("n_searches", [1, 3])
def test_groups_stay_on_one_side_of_every_split(numbered, n_searches):
    X, y = numbered
    groups = np.arange(60) // 2
    Spy.fitted = []
    selector = GeneticSelector(Spy(), cv=GroupKFold(3), n_searches=n_searches, pinned=[0], **SMALL)
    selector.fit(X, y, groups=groups)
    rows = {round(value, 6): place for place, value in enumerate(X[:, 0])}
    for fitted in set(Spy.fitted):
        seen = {rows[value] for value in fitted}
        assert {groups[place] for place in seen} == {groups[place] for place in seen if place % 2}


def test_splits_of_the_users_own_hold_on_every_subsample(two_clouds):
    selector = GeneticSelector(GaussianNB(), cv=LeaveOneOut(), n_searches=2, **SMALL)
    assert selector.fit(*two_clouds).support_.any()


def test_classes_with_few_rows_get_fewer_folds(two_clouds):
    X, y = two_clouds
    y = y.copy()
    y[:2] = 2  # two rows of a third class
    selector = GeneticSelector(GaussianNB(), n_searches=2, cv=5, **SMALL)
    assert selector.fit(X, y).support_.any()


def test_bounds_take_the_best_of_the_ranking_and_fill_up(two_clouds):
    settings = {"n_searches": 4, "consensus_size": 8, **SMALL}
    free = GeneticSelector(GaussianNB(), **settings).fit(*two_clouds)
    fewer = GeneticSelector(GaussianNB(), max_features=3, **settings).fit(*two_clouds)
    assert fewer.support_.sum() == 3
    assert fewer.support_[fewer.frequencies_.argmax()]
    strongest = np.argsort(-free.weights_)[:3].tolist()
    barred = GeneticSelector(GaussianNB(), forbidden=strongest, **settings).fit(*two_clouds)
    assert barred.support_.sum() == 8
    assert not barred.support_[strongest].any()


def test_rows_that_lack_a_class_are_not_scored_on(two_clouds):
    X, y = two_clouds
    y = np.where(np.arange(60) < 2, 1, 0)
    selector = GeneticSelector(
        GaussianNB(), n_searches=3, scoring="neg_log_loss", cv=2, alpha=1.0, **SMALL
    )
    assert selector.fit(X, y).support_.any()


def test_a_vote_without_unseen_rows_reports_the_searches_own_scores(two_clouds):
    selector = GeneticSelector(GaussianNB(), n_searches=2, subsample=1.0, **SMALL)
    assert 0.5 < selector.fit(*two_clouds).best_score_ <= 1.0


def test_callbacks_may_come_from_a_generator(two_clouds):
    log = KeepHistory()
    GeneticSelector(GaussianNB(), callbacks=(one for one in [log]), n_searches=1, **SMALL).fit(
        *two_clouds
    )
    assert len(log.records) == 3


def test_groups_stay_together_under_an_integer_cv(numbered):
    X, y = numbered
    groups = np.arange(60) // 2
    Spy.fitted = []
    GeneticSelector(Spy(), cv=3, n_searches=1, pinned=[0], **SMALL).fit(X, y, groups=groups)
    rows = {round(value, 6): place for place, value in enumerate(X[:, 0])}
    for fitted in set(Spy.fitted):
        seen = {rows[value] for value in fitted}
        assert {groups[place] for place in seen} == {groups[place] for place in seen if place % 2}


@pytest.mark.parametrize("callbacks", [None, 5, [len]])
def test_what_is_no_callback_is_said(two_clouds, callbacks):
    with pytest.raises(ValueError, match="callbacks must be a sequence of"):
        GeneticSelector(GaussianNB(), callbacks=callbacks, **SMALL).fit(*two_clouds)


def test_the_front_has_no_beaten_mask(rng):
    masks = rng.random((200, 10)) < 0.5
    scores = rng.random(200)
    front = pareto_front(masks, scores)
    sizes = masks.sum(axis=1)
    for row in front.itertuples():
        assert not ((sizes <= row.n_features) & (scores > row.score)).any()
        assert len(row.mask) == row.n_features


def first_masks(views, n=300):
    settings = SearchSettings().resolved(n_rows=1000, n_features=views.scores.shape[1])
    toolbox = build_toolbox(settings, views, np.random.default_rng(0))
    return np.array([toolbox.initialize() for _ in range(n)])


def test_half_of_the_first_masks_are_what_a_ranker_puts_first(rng):
    views = Views(("one", "other"), rng.normal(size=(2, 100)), weights=np.array([3.0, 1.0]))
    masks, ranks = first_masks(views), views.ranks
    sizes = masks.sum(axis=1)
    made_by = [(np.where(masks, rank, -1).max(axis=1) == sizes - 1).mean() for rank in ranks]
    np.testing.assert_allclose(made_by, [0.375, 0.125], atol=0.06)
    assert sizes.min() < 10
    assert sizes.max() > 60


@pytest.mark.parametrize("views", [Views.none(100), Views(("weights",), np.ones((1, 100)))])
def test_first_masks_without_rankers_are_drawn_by_chance(views):
    assert (first_masks(views).mean(axis=0) > 0.1).all()
