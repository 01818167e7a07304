"""The evaluation of masks on folds, as one worker does it: by an engine, else by scikit-learn."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from vaega.core.errors import InputError
from vaega.core.files import fingerprint
from vaega.core.randomness import derive_seed
from vaega.fitness.fold_files import open_folds
from vaega.fitness.folds import Fold
from vaega.fitness.population.engine import Plan, score_fold
from vaega.fitness.sent_folds import SentFolds
from vaega.fitness.thread_limit import one_thread
from vaega.fitness.warned import counted_warnings

Folds = Sequence[Fold] | str | SentFolds


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the evaluation of some masks gave."""

    scores: np.ndarray  # The score of each mask in each fold
    warned: tuple[Counter[str], ...]


@dataclass(frozen=True, eq=False)
class Task:
    """What a worker needs to know beside the folds and the masks."""

    estimator: Any  # Not fitted
    scorer: Any  # A scikit-learn scorer
    seed: int  # Of all evaluations
    seeded: tuple[str, ...]  # The parameters of the classifier that take a seed derived from it
    places: tuple[int, ...]  # Of the folds, among all of them: seeds are derived from these
    plan: Plan | None  # Of the engine that computes the classifier, if one does


@dataclass(frozen=True, eq=False)
class Chunk:
    """Masks for one worker, and what is known of their scores.

    On the way to another process the masks are packed bits.
    """

    masks: np.ndarray
    known: np.ndarray | None = None  # Scores that need not be computed; NaN elsewhere

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self.bits, self.masks.shape[1], self.known)

    @property
    def bits(self) -> np.ndarray:
        """The masks as packed bits, uint8, by row: what seeds are derived from."""
        return np.packbits(self.masks, axis=1)


def _unpack(bits: np.ndarray, n_features: int, known: np.ndarray | None) -> Chunk:
    return Chunk(np.unpackbits(bits, axis=1, count=n_features).view(bool), known)


def evaluate_together(folds: Folds, chunk: Chunk, task: Task) -> Evaluation:
    """Score masks with the engine of the task's plan."""
    assert task.plan is not None
    masks, seeds = chunk.masks, None
    random = task.plan.module.RANDOM and task.seeded
    warned: dict[int, Counter[str]] = defaultdict(Counter)
    columns = []
    with one_thread(), counted_warnings():  # an engine names what scikit-learn would warn of
        digests = [fingerprint(row) for row in chunk.bits] if random else []
        for place, fold in zip(task.places, _folds_of(folds, task), strict=True):
            if random:
                seeds = np.array([_derive(task.seed, digest, place) for digest in digests])
            result = score_fold(task.plan, fold, masks, seeds)
            columns.append(result.scores)
            for text, rows in result.warned.items():
                for row in rows.tolist():
                    warned[row][text] += 1
    by_mask = [Counter[str]()] * len(masks)
    for row, counted in warned.items():
        by_mask[row] = counted
    return Evaluation(np.stack(columns, axis=1), tuple(by_mask))


def evaluate_singly(folds: Folds, chunk: Chunk, task: Task) -> Evaluation:
    """Score masks with scikit-learn, one after the other."""
    folds, masks, warned = _folds_of(folds, task), chunk.masks, []
    digests = [fingerprint(row) if task.seeded else "" for row in chunk.bits]
    scores = np.full((len(masks), len(folds)), np.nan)
    if chunk.known is not None:
        scores[:] = chunk.known
    # What the caller chose is for masks. A forest would take it for its trees as well, and add up
    # their votes in the order in which threads end. Counting is entered once here: the one of each
    # mask costs nothing then.
    with one_thread(), parallel_config(backend="sequential", n_jobs=1), counted_warnings():
        for row, mask in enumerate(masks):
            with counted_warnings() as counted:
                for column, (place, fold) in enumerate(zip(task.places, folds, strict=True)):
                    if np.isnan(scores[row, column]):
                        scores[row, column] = _score(fold, place, mask, digests[row], task)
            warned.append(counted)
    return Evaluation(scores, tuple(warned))


def _folds_of(folds: Folds, task: Task) -> Sequence[Fold]:
    if not isinstance(folds, str | SentFolds):
        return folds
    kept = open_folds(folds) if isinstance(folds, str) else folds.folds
    return [kept[place] for place in task.places]


def _derive(seed: int, digest: str, place: int) -> int:
    return derive_seed(seed, "evaluation", digest, place)


def _score(fold: Fold, place: int, mask: np.ndarray, digest: str, task: Task) -> float:
    kept = np.flatnonzero(mask[fold.columns])
    if kept.size == 0:
        guess = DummyClassifier(strategy="prior")
        guess.fit(fold.y_fit[:, None], fold.y_fit, **_fit_weights(guess, fold))
        one_column = fold.y_validate[:, None]
        return float(task.scorer(guess, one_column, fold.y_validate, **_score_weights(fold)))
    estimator = clone(task.estimator)
    if task.seeded:
        seed = _derive(task.seed, digest, place)
        estimator.set_params(**dict.fromkeys(task.seeded, seed))
    try:
        # numpy's take keeps rows contiguous, where X[:, kept] would not.
        estimator.fit(fold.X_fit.take(kept, axis=1), fold.y_fit, **_fit_weights(estimator, fold))
        X_validate = fold.X_validate.take(kept, axis=1)
        score = float(task.scorer(estimator, X_validate, fold.y_validate, **_score_weights(fold)))
    except Exception as error:
        raise InputError(_failure(estimator, kept.size, fold, error)) from error
    if not np.isfinite(score):
        raise InputError(_failure(estimator, kept.size, fold, f"the score is {score}"))
    return score


def _fit_weights(estimator: Any, fold: Fold) -> dict[str, np.ndarray]:
    if fold.weight_fit is None:
        return {}
    if isinstance(estimator, Pipeline):  # its last step is the classifier
        return {f"{estimator.steps[-1][0]}__sample_weight": fold.weight_fit}
    return {"sample_weight": fold.weight_fit}


def _score_weights(fold: Fold) -> dict[str, np.ndarray]:
    return {} if fold.weight_validate is None else {"sample_weight": fold.weight_validate}


def _failure(estimator: Any, n_kept: int, fold: Fold, reason: Any) -> str:
    first = str(reason).strip().split("\n", 1)[0].rstrip(".")
    return (
        f"{type(estimator).__name__}: cannot be fitted and scored on {n_kept} features, "
        f"{len(fold.y_fit)} fit rows and {len(fold.y_validate)} validate rows: {first}."
    )
