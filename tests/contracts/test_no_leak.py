"""First law: validate and test rows reach no fit; no synthetic row is scored on."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from tests.contracts import recording
from tests.contracts.recording import (
    EVENTS,
    RecordingClassifier,
    RecordingSampler,
    RecordingScaler,
    check_no_leak,
    numbers,
    tagged,
)
from vaega import Dataset, GeneticSelector
from vaega.experiments import run as run_module
from vaega.experiments import trial as trial_module
from vaega.experiments.config import make_config
from vaega.experiments.protocols import SealedRows
from vaega.experiments.run import run_experiment
from vaega.experiments.univariate import FILE
from vaega.fitness import _cross_validated as folds

N_ROWS, N_FEATURES = 60, 8


@pytest.fixture
def rows(rng):
    y = np.tile([0, 1], N_ROWS // 2)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    X[:, 0] += 2 * y
    return tagged(X), y


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    EVENTS.clear()
    monkeypatch.setattr(trial_module, "make_sampler", lambda arm, *_, **__: _sampler_of(arm))
    honest = SealedRows.open

    def recorded(self):
        X, y = honest(self)
        EVENTS.append(("open", numbers(X), 0))
        return X, y

    monkeypatch.setattr(SealedRows, "open", recorded)
    described = run_module.write_univariate

    def apart(*arguments):
        described(*arguments)
        EVENTS.clear()  # of all rows, which no run reads: test_no_run_reads_what_describes_the_data

    monkeypatch.setattr(run_module, "write_univariate", apart)


def _sampler_of(arm):
    return None if arm.n_synthetic is None else RecordingSampler()


def experiment(tmp_path, rows, outer, arm):
    X, y = rows
    official = {"X_test": X[40:], "y_test": y[40:]} if outer == "official" else {}
    data = Dataset.from_arrays(X[:40] if official else X, y[:40] if official else y, **official)
    config = make_config(
        {
            "name": "traced",
            "dataset": {"source": "made here"},
            "preprocess": [{"class": "tests.contracts.recording.RecordingScaler"}],
            "protocol": {"outer": outer, "inner_folds": 3, "final": False}
            | ({"n_splits": 3} if outer == "kfold" else {}),
            "arms": {"only": {"generator": {"kind": "smote"}, "n_synthetic": 10} if arm else {}},
            "fitness": {"class": "tests.contracts.recording.RecordingClassifier"},
            "search": {"population_size": 6, "n_generations": 3},
            "seeds": 1,
        }
    )
    runs, _ = run_experiment(config, data, tmp_path)
    assert list(runs["status"]) == ["done"]
    return list(EVENTS)


def split_by_trial(events):
    """Cut the events behind what the final models predict after each opening of test rows."""
    kinds = [kind for kind, _, _ in events]
    opened = [place for place, kind in enumerate(kinds) if kind == "open"]
    parts, start = [], 0
    for place in opened:
        end = place + 1
        while end < len(kinds) and (kinds[end] == "predict" or "predict" not in kinds[place:end]):
            end += 1  # one of real and generated rows, and one of the real ones alone
        parts.append(events[start:end])
        start = end
    assert start == len(events)
    return parts


@pytest.mark.parametrize("arm", [False, True], ids=["original", "augmented"])
@pytest.mark.parametrize("outer", ["official", "holdout", "kfold"])
def test_an_experiment_does_not_leak(tmp_path, rows, outer, arm):
    events = experiment(tmp_path, rows, outer, arm)
    parts = split_by_trial(events)
    assert len(parts) == (3 if outer == "kfold" else 1)
    for part in parts:
        check_no_leak(part, set(part[-1][1]))
    if outer == "official":
        assert parts[0][-1][1] == frozenset(range(40, 60))
    if outer == "kfold":
        assert sorted(row for part in parts for row in part[-1][1]) == list(range(N_ROWS))


def test_no_run_reads_what_describes_the_data(tmp_path, rows, monkeypatch):
    experiment(tmp_path / "with", rows, "holdout", arm=True)
    monkeypatch.setattr(run_module, "write_univariate", lambda *_: None)
    experiment(tmp_path / "without", rows, "holdout", arm=True)
    described, plain = (tmp_path / name / "traced" for name in ("with", "without"))
    assert (described / FILE).is_file()
    assert not (plain / FILE).exists()
    (run,) = (described / "runs").iterdir()
    for name in ("selected.csv", "predictions.csv", "history.csv"):
        assert (run / name).read_bytes() == (plain / "runs" / run.name / name).read_bytes(), name


def test_a_selector_in_cross_validate_does_not_leak(rows):
    X, y = rows
    selector = GeneticSelector(
        RecordingClassifier(),
        sampler=RecordingSampler(),
        cv=3,
        population_size=6,
        n_generations=3,
        random_state=0,
    )
    splits = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    for train, test in splits:
        EVENTS.clear()
        pipeline = make_pipeline(RecordingScaler(), selector, RecordingClassifier())
        cross_validate(pipeline, X, y, cv=[(train, test)], error_score="raise")
        # The user's own scaler sees the training rows, as in any pipeline; the selector inside
        # splits what it is given.
        events = [event for event in EVENTS if event[0] != "scaler"]
        check_no_leak(events, set(test.tolist()))
        final_fit = [rows for kind, rows, _ in events if kind == "fit"][-1]
        assert final_fit == frozenset(train.tolist()), "nothing synthetic leaves the selector"


def _leak_scaler(monkeypatch):
    honest = folds.prepare_fold

    def leaking(X, y, fit_rows, validate_rows, **keywords):
        keywords["preparation"].fit(X, y)  # all training rows, validate rows among them
        return honest(X, y, fit_rows, validate_rows, **keywords)

    monkeypatch.setattr(folds, "prepare_fold", leaking)


def _leak_validate_into_fit(monkeypatch):
    honest = folds.prepare_fold

    def leaking(X, y, fit_rows, validate_rows, **keywords):
        return honest(X, y, np.r_[fit_rows, validate_rows[:1]], validate_rows, **keywords)

    monkeypatch.setattr(folds, "prepare_fold", leaking)


def _leak_synthetic_into_validate(monkeypatch):
    honest = folds.prepare_fold

    def leaking(*arguments, **keywords):
        fold = honest(*arguments, **keywords)
        last = slice(-2, None)
        return folds.Fold(
            fold.X_fit[:-2],
            fold.y_fit[:-2],
            np.vstack([fold.X_validate, fold.X_fit[last]]),
            np.r_[fold.y_validate, fold.y_fit[last]],
            fold.columns,
            fold.n_real,
        )

    monkeypatch.setattr(folds, "prepare_fold", leaking)


def _leak_sampler(monkeypatch):
    honest = folds.augment

    def leaking(X, y, sampler, *, seed, **how):
        honest(EVERYTHING[0], EVERYTHING[1], sampler, seed=seed)  # a sampler that met every row
        X_more, y_more = honest(X, y, sampler, seed=seed, **how)
        call = recording.SYNTHETIC + sum(kind == "sampler" for kind, _, _ in EVENTS) - 2
        X_more[len(X) :] = recording.signal(X_more[len(X) :]) + call
        return X_more, y_more

    monkeypatch.setattr(folds, "augment", leaking)


def _leak_test_rows(monkeypatch):
    honest = trial_module.run_trial

    def leaking(config, trial, *arguments, **keywords):
        X_test, y_test = trial.test.open()
        RecordingClassifier().fit(X_test, y_test)
        again = SealedRows(X_test, y_test)
        return honest(config, replace(trial, test=again), *arguments, **keywords)

    monkeypatch.setattr(trial_module, "run_trial", leaking)


EVERYTHING = []
LEAKS = [
    _leak_scaler,
    _leak_validate_into_fit,
    _leak_synthetic_into_validate,
    _leak_sampler,
    _leak_test_rows,
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_leak_put_in_on_purpose_is_found(tmp_path, rows, leak, monkeypatch):
    EVERYTHING[:] = [rows[0][:40], rows[1][:40]]
    leak(monkeypatch)
    events = experiment(tmp_path, rows, "official", True)
    with pytest.raises(AssertionError):
        check_no_leak(events, set(range(40, 60)))


def test_sealed_rows_break_the_run_when_they_are_read_twice(tmp_path, rows, monkeypatch):
    honest = trial_module.score_heldout

    def twice(trial, *arguments):
        honest(trial, *arguments)
        return honest(trial, *arguments)

    monkeypatch.setattr(trial_module, "score_heldout", twice)
    with pytest.raises(AssertionError):
        experiment(tmp_path, rows, "official", False)
