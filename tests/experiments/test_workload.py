"""The work ahead: counts are exact, the time is of the right kind."""

from dataclasses import replace

import numpy as np
import pytest

from vaega import load_dataset
from vaega.core.errors import InputError
from vaega.engines._registry import ENGINES
from vaega.experiments.config import make_config
from vaega.experiments.workload import ENGINE_GAIN, measure_workload, say_duration

WINE = load_dataset("sklearn:wine")


def workload(dataset=WINE, *, protocol=None, **sections):
    content = {
        "name": "worked",
        "dataset": {"source": "sklearn:wine"},
        "fitness": {"classifier": "decision_tree"},
        "search": {"n_searches": 2, "n_generations": 3, "population_size": 10},
        "seeds": 4,
        "protocol": {"final": False, **(protocol or {})},
        **sections,
    }
    return measure_workload(make_config(content), dataset)


def test_runs_and_masks():
    arms = {"a": {}, "b": {}, "c": {"selector": {"kind": "f_classif"}}}
    work = workload(arms=arms, permutations={"number": 5, "seeds": 2})
    assert (work.n_runs, work.n_permuted, work.n_searching) == (3 * 14, 3 * 10, 2 * 14)
    assert work.n_masks == 2 * 14 * 2 * 3 * 10
    assert work.seconds > 0


def test_splits_of_a_run_and_a_bound_of_masks():
    protocol = {"outer": "kfold", "n_splits": 3, "n_repeats": 2}
    search = {"n_searches": 1, "population_size": 10, "max_evaluations": 25}
    work = workload(protocol=protocol, search=search)
    assert work.n_trials == 6
    assert work.n_masks == 4 * 6 * 35
    assert "6 trials x 1 search" in work.sentences[1]


def test_final_runs_have_one_split_and_searches_of_their_own():
    """Fewer than 300 training rows have searches that vote; all 356 rows have one search."""
    index = np.tile(np.arange(len(WINE.y)), 2)
    rows = replace(WINE, X=WINE.X[index], y=WINE.y[index])
    protocol = {"outer": "kfold", "n_splits": 5, "final": True}
    arms = {"a": {}, "b": {}, "c": {"selector": {"kind": "f_classif"}}}
    search = {"n_generations": 3, "population_size": 10}
    work, without = (
        workload(rows, arms=arms, search=search, protocol={**protocol, "final": final}, seeds=2)
        for final in (True, False)
    )
    assert (work.n_runs, work.n_final, work.n_searching, work.n_final_searching) == (9, 3, 4, 2)
    assert (work.n_searches, work.final.n_searches) == (10, 1)
    assert work.n_masks - without.n_masks == 2 * 1 * 3 * 10
    assert work.sentences[0] == "9 runs, 3 of them final, on all rows"
    assert "2 final runs of 1 search x 3 generations x 10 masks: at most 60" in work.sentences[2]


def test_more_runs_take_longer_and_rankings_less():
    assert workload(seeds=400).seconds > workload(seeds=4).seconds
    only = {"f": {"selector": {"kind": "f_classif"}}}
    assert workload(arms=only, seeds=4).sentences[1] == "no run searches"


def test_leaving_one_out_is_a_split_a_row_or_a_group():
    assert workload(protocol={"outer": "leave-one-out"}).n_trials == len(WINE.y)
    groups = np.arange(len(WINE.y)) // 6
    together = replace(WINE, groups=groups)
    work = workload(together, protocol={"outer": "leave-one-group-out"})
    assert work.n_trials == groups.max() + 1


def test_few_groups_of_many_rows_have_more_searches():
    index = np.tile(np.arange(len(WINE.y)), 3)
    rows = replace(WINE, X=WINE.X[index], y=WINE.y[index])
    few = replace(rows, groups=np.arange(len(rows.y)) // 12)
    search = {"n_generations": 2, "population_size": 10}
    assert workload(rows, search=search).n_searches == 1
    assert workload(few, search=search).n_searches > 1


def test_a_mask_that_cannot_be_fitted_is_no_fault_of_the_configuration():
    few = replace(WINE, X=np.tile(WINE.X, (1, 10)), feature_names=tuple(map(str, range(130))))
    assert workload(few, fitness={"classifier": "qda"}).seconds > 0
    never = {"classifier": "knn", "parameters": {"n_neighbors": 1000}}
    with pytest.raises(InputError, match=r"^fitness: KNeighborsClassifier .*either"):
        workload(fitness=never)


def test_every_engine_has_a_gain():
    assert {module.rpartition("._")[2] for module in ENGINES.values()} == set(ENGINE_GAIN)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "less than a minute"), (60, "about 1 minute"), (5000, "about 83 minutes"),
     (7200, "about 2 hours"), (10**6, "about 12 days")],
)  # fmt: skip
def test_a_duration(seconds, words):
    assert say_duration(seconds) == words
