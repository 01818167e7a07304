"""Cross-validated fitness: any scikit-learn classifier, scored on inner folds through joblib."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from threadpoolctl import threadpool_limits

from vaega.core.errors import InputError
from vaega.core.files import fingerprint
from vaega.core.randomness import derive_seed
from vaega.fitness.folds import Fold
from vaega.fitness.seeding import unset_seeds
from vaega.fitness.warned import counted_warnings

_CHUNKS_PER_JOB = 4  # so that a slow chunk does not keep the other workers waiting


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """What a worker needs to know beside the folds and the masks."""

    estimator: Any
    scorer: Any
    seed: int
    seeded: tuple[str, ...]


@dataclass(eq=False)
class CrossValidatedFitness:
    """Score masks by the mean metric of a classifier over inner folds.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Cloned for each mask and fold; where its ``random_state`` is unset, the seed of each
        evaluation is derived from `seed`, the mask and the fold, never from the order of work.
    folds : sequence of Fold
        Fit rows (real and synthetic) and validate rows (real).
    scorer : callable
        A scikit-learn scorer: ``scorer(fitted, X, y) -> float``, higher is better.
    seed : int, default=0
        Seed of all evaluations.
    n_jobs : int, optional
        Processes, as in joblib; None is one, unless a ``joblib.parallel_config`` says otherwise.

    Attributes
    ----------
    warnings_ : collections.Counter
        How often each warning of the classifier came, by its category and first line.

    Notes
    -----
    Workers read the folds from memory-mapped files, written once; masks travel as packed bits, in
    chunks. Inside an evaluation the classifier's own threads are limited to one, in this process
    too, so that a score does not depend on `n_jobs`.

    A mask that keeps no column in a fold is scored by the class frequencies alone, and no
    classifier ever sees it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.metrics import get_scorer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = load_wine(return_X_y=True)
    >>> fold = Fold(X[::2], y[::2], X[1::2], y[1::2], columns=np.arange(13), n_real=89)
    >>> fitness = CrossValidatedFitness(GaussianNB(), [fold], get_scorer("accuracy"))
    >>> fitness(np.ones((1, 13), dtype=bool)) > 0.9
    array([ True])
    """

    estimator: Any
    folds: Sequence[Fold]
    scorer: Any
    seed: int = 0
    n_jobs: int | None = None
    warnings_: Counter[str] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self._n_features = max(int(fold.columns.max()) + 1 for fold in self.folds)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "CrossValidatedFitness":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the memory-mapped files, if there are any."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Return the mean score of each mask over the folds.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            What to score.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks,)

        Raises
        ------
        InputError
            When the classifier fails on a mask, or gives a score that is no finite number.
        """
        return self.score_folds(masks).mean(axis=1)

    def score_folds(self, masks: np.ndarray) -> np.ndarray:
        """Return the score of each mask in each fold.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            What to score.

        Returns
        -------
        numpy.ndarray of float, shape (n_masks, n_folds)
        """
        masks = np.asarray(masks, dtype=bool)
        if masks.ndim != 2 or masks.shape[1] < self._n_features:
            raise InputError(
                f"CrossValidatedFitness: masks must have shape (n_masks, {self._n_features}), "
                f"got {masks.shape}."
            )
        if len(masks) == 0:
            return np.empty((0, len(self.folds)))
        results = self._spread(masks)
        for _, counted in results:
            self.warnings_.update(counted)
        return np.concatenate([scores for scores, _ in results])

    def _spread(self, masks: np.ndarray) -> list[tuple[np.ndarray, Counter[str]]]:
        seeded = tuple(unset_seeds(self.estimator))
        evaluation = _Evaluation(self.estimator, self.scorer, self.seed, seeded)
        n_workers = min(effective_n_jobs(self.n_jobs), len(masks))
        if n_workers == 1:
            return [_score_masks(self.folds, masks, evaluation)]
        chunks = np.array_split(masks, min(len(masks), n_workers * _CHUNKS_PER_JOB))
        folder, width = self._stored_folds(), masks.shape[1]
        return Parallel(n_jobs=self.n_jobs)(
            delayed(_score_packed)(folder, np.packbits(chunk, axis=1), width, evaluation)
            for chunk in chunks
        )

    def _stored_folds(self) -> str:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="vaega-folds-")
            _store_folds(Path(self._folder.name), self.folds)
        return self._folder.name


_PARTS = ("X_fit", "y_fit", "X_validate", "y_validate", "columns", "n_real")


def _store_folds(folder: Path, folds: Sequence[Fold]) -> None:
    for place, fold in enumerate(folds):
        for part in _PARTS:
            np.save(folder / f"{place}_{part}.npy", getattr(fold, part), allow_pickle=False)


@lru_cache(maxsize=2)
def _open_folds(folder: str) -> list[Fold]:
    n_folds = len(list(Path(folder).glob("*_columns.npy")))
    return [
        Fold(*(np.load(Path(folder) / f"{place}_{part}.npy", mmap_mode="r") for part in _PARTS))
        for place in range(n_folds)
    ]


def _score_packed(
    folder: str, packed: np.ndarray, n_features: int, evaluation: _Evaluation
) -> tuple[np.ndarray, Counter[str]]:
    masks = np.unpackbits(packed, axis=1, count=n_features).astype(bool)
    return _score_masks(_open_folds(folder), masks, evaluation)


def _score_masks(
    folds: Sequence[Fold], masks: np.ndarray, evaluation: _Evaluation
) -> tuple[np.ndarray, Counter[str]]:
    scores = np.empty((len(masks), len(folds)))
    with threadpool_limits(limits=1), counted_warnings() as counted:
        for row, mask in enumerate(masks):
            digest = fingerprint(np.packbits(mask)) if evaluation.seeded else ""
            for place, fold in enumerate(folds):
                scores[row, place] = _score(fold, place, mask, digest, evaluation)
    return scores, counted


def _score(fold: Fold, place: int, mask: np.ndarray, digest: str, evaluation: _Evaluation) -> float:
    kept = np.flatnonzero(mask[fold.columns])
    if kept.size == 0:
        guess = DummyClassifier(strategy="prior").fit(fold.y_fit[:, None], fold.y_fit)
        return float(evaluation.scorer(guess, fold.y_validate[:, None], fold.y_validate))
    estimator = clone(evaluation.estimator)
    if evaluation.seeded:
        seed = derive_seed(evaluation.seed, "evaluation", digest, place)
        estimator.set_params(**dict.fromkeys(evaluation.seeded, seed))
    try:
        # numpy's take keeps rows contiguous, where X[:, kept] would not.
        estimator.fit(fold.X_fit.take(kept, axis=1), fold.y_fit)
        score = float(
            evaluation.scorer(estimator, fold.X_validate.take(kept, axis=1), fold.y_validate)
        )
    except Exception as error:
        raise InputError(_failure(estimator, kept.size, fold, error)) from error
    if not np.isfinite(score):
        raise InputError(_failure(estimator, kept.size, fold, f"the score is {score}"))
    return score


def _failure(estimator: Any, n_kept: int, fold: Fold, reason: Any) -> str:
    first = str(reason).strip().split("\n", 1)[0].rstrip(".")
    return (
        f"{type(estimator).__name__}: cannot be fitted and scored on {n_kept} features, "
        f"{len(fold.y_fit)} fit rows and {len(fold.y_validate)} validate rows: {first}."
    )
