"""Cross-validated fitness: any scikit-learn classifier, scored on inner folds through joblib."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import numpy as np
import scipy
import sklearn
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from vaega import __version__
from vaega.core.errors import InputError
from vaega.core.files import fingerprint
from vaega.core.randomness import derive_seed
from vaega.fitness.fold_files import FoldFiles, hash_fold, open_folds
from vaega.fitness.folds import Fold
from vaega.fitness.population.engine import recognise, score_fold
from vaega.fitness.seeding import unset_seeds
from vaega.fitness.stable_text import stable_text
from vaega.fitness.thread_limit import one_thread
from vaega.fitness.warned import counted_warnings

ENGINES = ("auto", "sklearn")
_CHUNKS_PER_JOB = 4  # so that a slow chunk does not keep the other workers waiting
_LIBRARIES = tuple(f"{library.__name__} {library.__version__}" for library in (np, scipy, sklearn))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the evaluation of some masks gave.

    Parameters
    ----------
    scores : numpy.ndarray of float, shape (n_masks, n_folds)
        The score of each mask in each fold.
    warned : tuple of collections.Counter, length n_masks
        How often the classifier warned of what, for each mask, so that the warnings of a result
        don't depend on which of its masks were evaluated before.
    """

    scores: np.ndarray
    warned: tuple[Counter[str], ...]


@dataclass(frozen=True, eq=False)
class _Task:
    """What a worker needs to know beside the folds and the masks."""

    estimator: Any
    scorer: Any
    seed: int
    seeded: tuple[str, ...]
    places: tuple[int, ...]  # of the folds, among all of them: seeds are derived from these
    metric: str | None  # that a population engine computes, where one knows the classifier


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
    engine : {"auto", "sklearn"}, default="auto"
        "auto" computes classifiers that `vaega.fitness.population` knows for all masks of a chunk
        together, with scikit-learn's scores; "sklearn" never does.

    Attributes
    ----------
    warnings_ : collections.Counter
        How often each warning of the classifier came here, by its category and first line.

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
    engine: str = "auto"
    warnings_: Counter[str] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self._n_features = max(int(fold.columns.max()) + 1 for fold in self.folds)
        self._places = tuple(range(len(self.folds)))
        self._files = FoldFiles(self.folds)
        self._hashes: dict[int, str | None] = {}
        self._is_view = False

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
        """Remove the memory-mapped files, if there are any and they are not those of another."""
        if not self._is_view:
            self._files.close()

    def subset(self, fold_places: Sequence[int]) -> "CrossValidatedFitness":
        """Return the fitness on some of the folds.

        Parameters
        ----------
        fold_places : sequence of int
            Which folds, at least one.

        Returns
        -------
        CrossValidatedFitness
            Gives for each fold the score that this fitness gives, to the bit. It uses the files
            of this one, so close this one last.

        Raises
        ------
        InputError
            When there is no such fold.

        Examples
        --------
        >>> from sklearn.metrics import get_scorer
        >>> from sklearn.naive_bayes import GaussianNB
        >>> X, y = np.array([[0.0], [1.0], [0.1], [1.1]]), np.array([0, 1, 0, 1])
        >>> folds = [Fold(X, y, X[i:], y[i:], np.arange(1), n_real=4) for i in range(3)]
        >>> fitness = CrossValidatedFitness(GaussianNB(), folds, get_scorer("accuracy"))
        >>> fitness.subset([0, 2]).score_folds(np.array([[True]])).shape
        (1, 2)
        """
        places = [int(place) for place in fold_places]
        if not places or not set(places) <= set(range(len(self.folds))):
            raise InputError(
                f"CrossValidatedFitness: fold_places must be some of 0 to {len(self.folds) - 1}, "
                f"got {list(fold_places)}."
            )
        view = replace(self, folds=[self.folds[place] for place in places])
        view._places = tuple(self._places[place] for place in places)
        view._n_features, view._is_view = self._n_features, True
        view._files, view._hashes = self._files, self._hashes
        return view

    @property
    def digest(self) -> str | None:
        """Digest of everything that a score depends on, beside the mask.

        The folds (so the data, the split, the preparation and the generator), the classifier and
        the scorer with all their parameters, the seed, and the versions of what computes. None,
        with a warning, where a parameter has no text that is the same in every process: then
        scores cannot be kept for another one.
        """
        hashes = [self._hash(*pair) for pair in zip(self._places, self.folds, strict=True)]
        texts = {"estimator": stable_text(self.estimator), "scorer": stable_text(self.scorer)}
        unknown = [name for name, text in texts.items() if text is None]
        if unknown or None in hashes:
            what = unknown[0] if unknown else "labels"
            owner = type(self.estimator).__name__
            warnings.warn(
                f"{owner}: scores are not kept on disk: the {what} holds an object that has no "
                "text to know it by.",
                stacklevel=2,
            )
            return None
        return fingerprint(
            list(self._places), hashes, texts, self.seed, ["vaega " + __version__, *_LIBRARIES]
        )

    def _hash(self, place: int, fold: Fold) -> str | None:
        if place not in self._hashes:
            self._hashes[place] = hash_fold(fold)
        return self._hashes[place]

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
        return self.evaluate(masks).scores

    def evaluate(self, masks: np.ndarray) -> Evaluation:
        """Return the score of each mask in each fold, and what the classifier warned of.

        Parameters
        ----------
        masks : numpy.ndarray of bool, shape (n_masks, n_features)
            What to score.

        Returns
        -------
        Evaluation

        Raises
        ------
        InputError
            When the classifier fails on a mask, or gives a score that is no finite number.
        """
        masks = np.asarray(masks, dtype=bool)
        if masks.ndim != 2 or masks.shape[1] < self._n_features:
            raise InputError(
                f"CrossValidatedFitness: masks must have shape (n_masks, {self._n_features}), "
                f"got {masks.shape}."
            )
        if len(masks) == 0:
            return Evaluation(np.empty((0, len(self.folds))), ())
        results = self._spread(masks)
        warned = tuple(counted for result in results for counted in result.warned)
        for counted in warned:
            self.warnings_.update(counted)
        return Evaluation(np.concatenate([result.scores for result in results]), warned)

    def _spread(self, masks: np.ndarray) -> list[Evaluation]:
        seeded = tuple(unset_seeds(self.estimator))
        metric = recognise(self.estimator, self.scorer) if self.engine == "auto" else None
        task = _Task(self.estimator, self.scorer, self.seed, seeded, self._places, metric)
        n_workers = min(effective_n_jobs(self.n_jobs), len(masks))
        if n_workers == 1:
            return [_score_masks(self.folds, masks, task)]
        chunks = np.array_split(masks, min(len(masks), n_workers * _CHUNKS_PER_JOB))
        folder, width = self._files.folder, masks.shape[1]
        with one_thread():  # here too, for a backend of threads; see there
            return Parallel(n_jobs=self.n_jobs)(
                delayed(_score_packed)(folder, np.packbits(chunk, axis=1), width, task)
                for chunk in chunks
            )


def _score_packed(folder: str, packed: np.ndarray, n_features: int, task: _Task) -> Evaluation:
    masks = np.unpackbits(packed, axis=1, count=n_features).astype(bool)
    folds = open_folds(folder)
    return _score_masks([folds[place] for place in task.places], masks, task)


def _score_masks(folds: Sequence[Fold], masks: np.ndarray, task: _Task) -> Evaluation:
    warned = []
    with one_thread(), counted_warnings():  # entered once here, the one of each mask costs nothing
        scores = _score_together(folds, masks, task)
        for row, mask in enumerate(masks):
            digest = fingerprint(np.packbits(mask)) if task.seeded else ""
            with counted_warnings() as counted:
                for column, (place, fold) in enumerate(zip(task.places, folds, strict=True)):
                    if np.isnan(scores[row, column]):
                        scores[row, column] = _score(fold, place, mask, digest, task)
            warned.append(counted)
    return Evaluation(scores, tuple(warned))


def _score_together(folds: Sequence[Fold], masks: np.ndarray, task: _Task) -> np.ndarray:
    if task.metric is None:
        return np.full((len(masks), len(folds)), np.nan)
    columns = [score_fold(task.estimator, task.metric, fold, masks) for fold in folds]
    return np.stack(columns, axis=1)


def _score(fold: Fold, place: int, mask: np.ndarray, digest: str, task: _Task) -> float:
    kept = np.flatnonzero(mask[fold.columns])
    if kept.size == 0:
        guess = DummyClassifier(strategy="prior")
        guess.fit(fold.y_fit[:, None], fold.y_fit, **_fit_weights(guess, fold))
        one_column = fold.y_validate[:, None]
        return float(task.scorer(guess, one_column, fold.y_validate, **_score_weights(fold)))
    estimator = clone(task.estimator)
    if task.seeded:
        seed = derive_seed(task.seed, "evaluation", digest, place)
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
