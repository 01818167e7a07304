"""Cross-validated fitness: inner folds, and any scikit-learn classifier scored on them.

Folds are prepared on their fit rows. Workers read them where they are (threads), from memory-mapped
files (processes), or from what was sent to them once (a Dask cluster). joblib's Dask backend leaves
four things to its callers. Workers do not see the files of this machine, so the folds are sent
(`ClusterFolds`). In a block of ``parallel_config`` every classifier would give its own work to the
cluster, a forest its trees, and add up their votes in the order in which they come; so only the
folds and masks of a search go there (`work_on`), and within a worker nothing is parallel
(`WithoutNestedParallelism`). And where the workers that had some work died one after the other,
joblib would wait for it for ever; here that is an error (`make_cluster_backend`).
"""

import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
import pandas as pd
import scipy
import sklearn
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from vaega.core.compilation import are_kernels_compiled
from vaega.core.errors import InputError, first_line
from vaega.core.files import fingerprint
from vaega.core.processes import OfParent, TemporaryFolder, naming_temporary_files
from vaega.core.provenance import check_same_software, describe_software, source_digest
from vaega.core.randomness import (
    derive_seed,
    global_seed,
    may_draw_globally,
    seed_unset,
    set_seeds,
    unset_seeds,
)
from vaega.core.registry import names_argument
from vaega.core.threads import captured_warnings, one_thread
from vaega.core.trust import WithTrust
from vaega.data._splits import Fold
from vaega.engines._base import cached_on, has_valid_params
from vaega.engines._registry import EngineSpec, match, score_fold
from vaega.fitness._score_store import cache_key

# Folds, prepared on their fit rows ----------------------------------------------------------------


class Preparation(Protocol):
    """A preprocessor as `vaega.data._preprocess.Preprocessor`: it knows which columns it kept."""

    columns_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Preparation":
        """Learn from fit rows."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Apply what was learned."""


def prepare_fold(
    X: np.ndarray,
    y: np.ndarray,
    fit_rows: np.ndarray,
    validate_rows: np.ndarray,
    *,
    preparation: Preparation | None = None,
    sampler: Any = None,
    seed: int,
    sample_weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    where: str = "",
    class_names: Sequence[str] | None = None,
) -> Fold:
    """Fit preparation and sampler on the fit rows, and on nothing else.

    Parameters
    ----------
    X : numpy.ndarray of float, shape (n_rows, n_features)
        Training rows.
    y : numpy.ndarray, shape (n_rows,)
        Labels.
    fit_rows, validate_rows : numpy.ndarray of int
        Row indices of the split.
    preparation : Preprocessor, optional
        Cloned and fitted on the fit rows; another transformer needs ``columns_``, the indices of
        the columns that it kept.
    sampler : object with ``fit_resample``, optional
        Cloned, seeded where its own seed is unset, and given the prepared fit rows: a
        `vaega.GenerativeSampler`, or any sampler of imbalanced-learn.
    seed : int
        Of this fold.
    sample_weight : numpy.ndarray of float, shape (n_rows,), optional
        Weights of the training rows.
    groups : numpy.ndarray of int, shape (n_rows,), optional
        Rows that belong together, for samplers whose ``fit_resample`` takes ``groups``.
    where : str, default=""
        What fold this is, for a message of the sampler.
    class_names : sequence of str, optional
        Names of the labels 0, 1, ... in such a message.

    Returns
    -------
    Fold

    Raises
    ------
    InputError
        When the sampler has no ``fit_resample``, or rows have weights and it drops some.

    Examples
    --------
    >>> from vaega.data import Preprocessor
    >>> X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
    >>> scale = Preprocessor(["standardize"])
    >>> fold = prepare_fold(X, y, np.arange(4), np.array([4, 5]), preparation=scale, seed=0)
    >>> fold.X_fit.mean(axis=0), fold.X_validate.shape, fold.n_real
    (array([0., 0.]), (2, 2), 4)
    """
    X_fit, y_fit, X_validate = X[fit_rows], y[fit_rows], X[validate_rows]
    columns = np.arange(X.shape[1])
    if preparation is not None:
        fitted = seed_unset(clone(preparation), derive_seed(seed, "preparation"))
        X_fit = fit_transformed(fitted, X_fit, y_fit)
        X_validate = fitted.transform(X_validate)
        columns = fitted.columns_
    X_real = X_fit
    if sampler is not None:
        members = None if groups is None else groups[fit_rows]
        X_fit, y_fit = augment(
            X_fit,
            y_fit,
            sampler,
            seed=derive_seed(seed, "sampler"),
            groups=members,
            where=where,
            class_names=class_names,
        )
    n_real = len(X_fit) if sampler is None else _count_real(X_real, X_fit)
    fold = Fold(X_fit, y_fit, X_validate, y[validate_rows], columns, n_real)
    if sample_weight is None:
        return fold
    weight_fit = _augmented_weights(sample_weight[fit_rows], y[fit_rows], y_fit)
    return replace(fold, weight_fit=weight_fit, weight_validate=sample_weight[validate_rows])


def fit_transformed(preparation: Preparation, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit a preparation and return its fit rows changed, as a Pipeline does."""
    if hasattr(preparation, "fit_transform"):
        return np.asarray(preparation.fit_transform(X, y))
    return preparation.fit(X, y).transform(X)


def _count_real(real: np.ndarray, rows: np.ndarray) -> int:
    # Of a sampler that drops rows only those are known to be real that still stand where they did.
    n_rows = min(len(real), len(rows))
    same = (real[:n_rows] == rows[:n_rows]) | (real[:n_rows] != real[:n_rows])  # NaN is not itself
    moved = np.flatnonzero(~same.all(axis=1))
    return int(moved[0]) if moved.size else n_rows


def _augmented_weights(weights: np.ndarray, real: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if not np.array_equal(labels[: len(real)], real):
        raise InputError(
            "sampler: must keep the real rows in front when rows have weights, got one that drops "
            "or reorders them."
        )
    means = {label: weights[real == label].mean() for label in np.unique(real)}
    added = [means[label] for label in labels[len(real) :]]
    return np.concatenate([weights, np.array(added, dtype=float)])


def augment(
    X: np.ndarray,
    y: np.ndarray,
    sampler: Any,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    where: str = "",
    class_names: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that a clone of a sampler makes of `X`; its errors say `where` it was."""
    if not hasattr(sampler, "fit_resample") or isinstance(sampler, type):
        raise InputError(
            f"sampler: must be an instance with the method fit_resample, got {sampler!r}."
        )
    if not hasattr(sampler, "get_params"):
        raise InputError(
            f"sampler: must be an estimator of scikit-learn, which can be cloned for each fold (a "
            f"class of your own inherits from BaseEstimator), got {sampler!r}."
        )
    seeded = seed_unset(clone(sampler), seed)
    with global_seed(seed, seeded):
        return _resampled(X, y, seeded, groups, where, class_names)


def _resampled(
    X: np.ndarray,
    y: np.ndarray,
    sampler: Any,
    groups: np.ndarray | None,
    where: str,
    class_names: Sequence[str] | None,
) -> tuple[np.ndarray, np.ndarray]:
    takes_groups = groups is not None and names_argument(sampler.fit_resample, "groups")
    together = {"groups": groups} if takes_groups else {}
    try:
        resampled: tuple[np.ndarray, np.ndarray] = sampler.fit_resample(X, y, **together)
        _check_resampled(*resampled, X, y, class_names)
        return resampled
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        if getattr(error, "key", ""):
            raise  # of a parameter: no fault of the rows
        raise InputError(
            f"{type(sampler).__name__}: cannot add rows to the {len(y)} fit rows{where} "
            f"({count_by_class(y, class_names)}): {_without_owner(error, sampler)}."
        ) from error


def _check_resampled(
    X: np.ndarray,
    y: np.ndarray,
    X_given: np.ndarray,
    y_given: np.ndarray,
    class_names: Sequence[str] | None,
) -> None:
    """Refuse rows that would be taken for a fault of the classifier, or be none of a class."""
    if np.shape(X) != (len(y), X_given.shape[1]):
        raise ValueError(
            f"it must give {X_given.shape[1]} columns and a label for each row, "
            f"got rows of shape {np.shape(X)} and {len(y)} labels"
        )
    gaps = np.isnan(X).any(axis=0) & ~np.isnan(X_given).any(axis=0)
    if gaps.any():
        raise ValueError(f"it gave NaN in column {int(np.argmax(gaps))}, where no fit row has one")
    lost = np.setdiff1d(y_given, y)
    if lost.size:
        name = lost[0] if class_names is None else class_names[int(lost[0])]
        raise ValueError(f"it gave no row of class {name}")


def _without_owner(error: Exception, sampler: Any) -> str:
    return first_line(error).removeprefix(f"{type(sampler).__name__}: ").rstrip(".")


def prepare_folds(
    X: np.ndarray,
    y: np.ndarray,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    preparation: Preparation | None = None,
    sampler: Any = None,
    seed: int,
    n_jobs: int | None = None,
    sample_weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
) -> list[Fold]:
    """Prepare all inner folds, the costly ones (a generator to train in each) side by side.

    Parameters
    ----------
    X, y : numpy.ndarray of shape (n_rows, n_features) and (n_rows,)
        Training rows and labels.
    splits : sequence of (fit_rows, validate_rows)
        Index arrays.
    preparation, sampler
        See `prepare_fold`.
    seed : int
        Each fold's seed is derived from it and from the fold's index.
    n_jobs : int, optional
        Processes, as in joblib; used only where there is a sampler to fit.
    sample_weight : numpy.ndarray of float, shape (n_rows,), optional
        Weights of the training rows.
    groups : numpy.ndarray of int, shape (n_rows,), optional
        Rows that belong together, see `prepare_fold`.
    class_names : sequence of str, optional
        Names of the labels 0, 1, ... in messages.

    Returns
    -------
    list of Fold
        One a split.

    Raises
    ------
    InputError
        As `prepare_fold`.

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from vaega import GaussianJitter
    >>> X, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
    >>> splits = list(KFold(3, shuffle=True, random_state=0).split(X))
    >>> folds = prepare_folds(X, y, splits, sampler=GaussianJitter(n_per_class=5), seed=0)
    >>> [(len(fold.X_fit), fold.n_real, len(fold.X_validate)) for fold in folds]
    [(14, 4, 2), (14, 4, 2), (14, 4, 2)]
    """
    parallel = make_parallel(n_jobs, getattr(sampler, "joblib_prefer", None))
    prepare = for_workers(prepare_fold, parallel)
    tasks = [
        delayed(prepare)(
            X,
            y,
            fit_rows,
            validate_rows,
            preparation=preparation,
            sampler=sampler,
            seed=derive_seed(seed, "fold", index),
            sample_weight=sample_weight,
            groups=groups,
            where=f" of fold {index + 1}",
            class_names=class_names,
        )
        for index, (fit_rows, validate_rows) in enumerate(splits)
    ]
    if sampler is None:
        return [function(*args, **kwargs) for function, args, kwargs in tasks]
    return in_workers(parallel, tasks)


# Folds where workers are --------------------------------------------------------------------------

_PARTS = tuple(field.name for field in fields(Fold))


class FoldFiles:
    """A temporary folder that holds folds, made when it is first asked for."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self._temporary: TemporaryFolder | None = None

    @property
    def folder(self) -> str:
        """Where the files are; they are written now if they were not before."""
        if self._temporary is None:
            self._temporary = TemporaryFolder("vaega-folds-")
            with naming_temporary_files(self._temporary.path):
                _write(self._temporary.path, self.folds)
        return str(self._temporary.path)

    def close(self) -> None:
        """Remove the files, if there are any."""
        if self._temporary is not None:
            self._temporary.close()
            self._temporary = None


def _write(folder: Path, folds: Sequence[Fold]) -> None:
    for index, fold in enumerate(folds):
        for part in _PARTS:
            if (value := getattr(fold, part)) is not None:
                np.save(
                    folder / f"{index}_{part}.npy", _plain(np.asarray(value)), allow_pickle=False
                )


def _plain(values: np.ndarray) -> np.ndarray:
    """Return labels that are Python texts as an array of text; other objects have no file."""
    if not values.dtype.hasobject:
        return values
    if all(isinstance(value, str) for value in values):
        return values.astype(str)
    kind = next(type(value).__name__ for value in values if not isinstance(value, str))
    raise InputError(
        "CrossValidatedFitness: labels must be numbers or texts to go to another process, got "
        f"{kind}."
    )


@lru_cache(maxsize=2)
def open_folds(folder: str) -> list[Fold]:
    """Return the folds of a folder, mapped into memory."""
    n_folds = len(list(Path(folder).glob("*_columns.npy")))
    return [_open(Path(folder), index) for index in range(n_folds)]


def _open(folder: Path, index: int) -> Fold:
    paths = {part: folder / f"{index}_{part}.npy" for part in _PARTS}
    parts = {part: np.load(path, mmap_mode="r") for part, path in paths.items() if path.exists()}
    return Fold(**parts)


def hash_fold(fold: Fold) -> str | None:
    """Return the digest of everything in a fold."""
    values = [getattr(fold, part) for part in _PARTS]
    if any(isinstance(value, np.ndarray) and value.dtype.hasobject for value in values):
        return None
    return fingerprint(*values)


@dataclass(frozen=True, eq=False)
class SentFolds:
    """All folds of a fitness, as they travel to the workers of a cluster."""

    folds: Sequence[Fold]

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, ([vars(fold) for fold in self.folds],)


def _receive(contents: list[dict[str, Any]]) -> SentFolds:
    # What arrives lies anywhere in a message; numeric libraries may round otherwise there than in
    # an array that begins where numpy begins it.
    copies = [{name: _copy(part) for name, part in content.items()} for content in contents]
    return SentFolds([Fold(**parts) for parts in copies])


def _copy(part: Any) -> Any:
    return part.copy(order="K") if isinstance(part, np.ndarray) else part


class ClusterFolds:
    """Folds on the workers of a cluster, sent when they are first asked for."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self._client: Any = None
        self._future: Any = None

    def sent_to(self, client: Any) -> Any:
        """Return the folds as an argument of work for a cluster."""
        if client is not self._client or self._future.status != "finished":
            self._client = client
            (self._future,) = client.scatter([SentFolds(self.folds)], broadcast=True)
        return self._future

    def close(self) -> None:
        """Let go of them; the cluster forgets them."""
        self._client = self._future = None


_BACKEND: ContextVar[Any] = ContextVar("_BACKEND", default=None)


def make_cluster_backend(client: Any) -> Any:
    """Return what `work_on` takes to compute on a cluster."""
    from joblib._dask import DaskDistributedBackend

    class ClusterBackend(DaskDistributedBackend):
        def submit(self, func: Any, callback: Any = None) -> Any:
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: _hand_over(done, callback))
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):  # of the cluster; those of the work are wrapped
                raise InputError(f"the cluster could not complete the work: {first_line(out)}")
            return super().retrieve_result_callback(out)

    return ClusterBackend(client=client)


def _hand_over(done: Any, callback: Any) -> None:
    error = done.exception()
    if error is not None and callback is not None:
        callback(error)


_ATTEMPTS = 3  # at work of which a worker is killed, before it is called a failure


@contextmanager
def work_on(backend: Any) -> Iterator[None]:
    """Give the folds and masks of the searches in the block to a cluster, and nothing else."""
    token = _BACKEND.set(backend)
    try:
        yield
    finally:
        _BACKEND.reset(token)


def make_parallel(n_jobs: int | None, prefer: str | None = None) -> Parallel:
    """Return what computes folds and masks: the cluster of `work_on`, else what joblib chooses."""
    backend = None if n_jobs == 1 else _BACKEND.get()
    return Parallel(n_jobs=n_jobs, prefer=prefer, backend=backend)


def in_workers(parallel: Parallel, tasks: Sequence[Any]) -> list[Any]:
    """Compute tasks, and compute them again where a worker is killed meanwhile.

    A result does not depend on the attempt: what is random in a task is seeded in it.
    """
    for n_left in reversed(range(_ATTEMPTS)):
        try:
            return list(parallel(tasks))
        except BrokenProcessPool as error:
            if not n_left:
                raise InputError(
                    f"a process that computed a part of it was killed, {_ATTEMPTS} times one after "
                    "the other; it may need more memory than there is."
                ) from error
            warnings.warn(
                "a process was killed while it computed a part of a run; that is done again.",
                stacklevel=2,
            )
            # A new one: joblib's has kept what was done of the attempt, and would return it too.
            parallel = Parallel(n_jobs=parallel.n_jobs, backend=parallel._backend)
    raise AssertionError("the last attempt returns or raises")


def count_workers(n_jobs: int | None) -> int:
    """Return how many workers that is."""
    backend = None if n_jobs == 1 else _BACKEND.get()
    return int(effective_n_jobs(n_jobs) if backend is None else backend.effective_n_jobs(n_jobs))


def client_of(parallel: Parallel) -> Any:
    """Return the client of the cluster on which a `Parallel` computes."""
    return getattr(parallel._backend, "client", None)


@dataclass(frozen=True)
class WithoutNestedParallelism:
    """A function for workers of a cluster, which compute with the software that is here.

    What the function gives to joblib in turn is computed in its own process.
    """

    function: Callable[..., Any]
    # Not compared, and so not hashed: Dask hashes functions, and a dictionary has no hash.
    software: dict[str, Any] = field(default_factory=describe_software, compare=False)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        check_same_software(describe_software(), self.software)
        with parallel_config(backend="sequential"):
            return self.function(*arguments, **keywords)


def for_workers(function: Callable[..., Any], parallel: Parallel) -> Callable[..., Any]:
    """Return a function for the workers of a `Parallel`.

    They trust what is trusted here. Those of this machine end with this process; those of a
    cluster have the same software, and give nothing to workers of their own.
    """
    kind = OfParent if client_of(parallel) is None else WithoutNestedParallelism
    return kind(WithTrust(function))


# Scores of masks ----------------------------------------------------------------------------------

Folds = Sequence[Fold] | str | SentFolds  # In this process, in a folder, or as they were sent

ENGINE_CHOICES = ("auto", "population", "sklearn")
# Seconds of work for which threads, and processes, are not worth being asked.
_SOON, _FOR_PROCESSES = 0.02, 0.2
_PROBE = 100  # masks
_NAMED_CLASSES = 4  # of which a message tells the rows
_CHUNKS_PER_JOB = 4  # so that a slow chunk does not keep the other workers waiting
_LIBRARIES = tuple(f"{library.__name__} {library.__version__}" for library in (np, scipy, sklearn))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of some masks, and the warnings of their classifiers."""

    # (n_masks, n_folds): NaN where an engine leaves it to scikit-learn, and in the end where the
    # classifier failed
    scores: np.ndarray
    # (n_masks,): how often the classifier warned of what, so that the warnings of a result don't
    # depend on which of its masks were evaluated before. Masks may share one: not to be changed.
    warned: tuple[Counter[str], ...]
    failures: Mapping[int, str] = field(default_factory=dict)  # Why, by the number of the mask


@dataclass(frozen=True, eq=False)
class Task:
    """What a worker needs to know beside the folds and the masks."""

    estimator: Any  # Not fitted
    scorer: Any  # A scikit-learn scorer
    seed: int  # Of all evaluations
    seeded: tuple[str, ...]  # The parameters of the classifier that take a seed derived from it
    draws: bool  # Whether the classifier may draw from a global generator
    fold_indices: tuple[int, ...]  # Among all folds of the fitness: seeds are derived from these
    spec: EngineSpec | None  # The engine that computes the classifier, if one does
    feature_names: np.ndarray | None = None  # (n_features,), where the classifier wants DataFrames
    is_routed: bool = False  # Whether weights go where scikit-learn's metadata routing says
    class_names: Sequence[str] | None = None  # Of the labels 0, 1, ..., for messages


@dataclass(frozen=True, eq=False)
class Chunk:
    """Masks for one worker, and what is known of their scores.

    On the way to another process the masks are packed bits.
    """

    masks: np.ndarray  # (n_masks, n_features) bool
    # (n_masks, n_folds): scores that need not be computed; NaN elsewhere
    known: np.ndarray | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self.bits, self.masks.shape[1], self.known)

    @property
    def bits(self) -> np.ndarray:
        """The masks as packed bits, uint8, by row: what seeds are derived from."""
        return np.packbits(self.masks, axis=1)


def _unpack(bits: np.ndarray, n_features: int, known: np.ndarray | None) -> Chunk:
    return Chunk(np.unpackbits(bits, axis=1, count=n_features).view(bool), known)


@dataclass(eq=False)
class CrossValidatedFitness:
    """Score masks by the mean metric of a classifier over inner folds.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Cloned for each mask and fold; where its ``random_state`` is unset, the seed of each
        evaluation is derived from `seed`, the mask and the fold, never from the order of work.
    folds : sequence of Fold
        Fit rows (real and synthetic) and validation rows (real).
    scorer : callable
        A scikit-learn scorer: ``scorer(fitted, X, y) -> float``, higher is better.
    seed : int, default=0
        Seed of all evaluations.
    n_jobs : int, optional
        Processes, as in joblib; None is one, unless a ``joblib.parallel_config`` says otherwise.
    engine : {"auto", "population", "sklearn"}, default="auto"
        "population" computes the classifiers of many masks together, with scikit-learn's scores
        (see `vaega.engines`); "sklearn" fits one after the other; "auto" takes the
        first where it knows the classifier and all its settings, else the second, and says why.
    device : str, default="cpu"
        "cuda" (or "cuda:1") lets engines that can compute there with torch, "auto" where torch
        finds a GPU. What no engine computes stays on the processor.
    error_score : float or "raise", default="raise"
        Score in a fold where the classifier fails, as in scikit-learn's searches; not-a-number
        leaves it to who asked, "raise" ends the evaluation with an error.
    feature_names : numpy.ndarray of str, shape (n_features,), optional
        A classifier made of pipelines or column transformers gets DataFrames with these columns.
    is_routed : bool, default=False
        Whether a pipeline is given weights as scikit-learn's metadata routing does it.
    class_names : sequence of str, optional
        Names of the labels 0, 1, ... in messages.

    Notes
    -----
    Workers read the folds from memory-mapped files, written once; those of a cluster are sent them
    once. Masks travel as packed bits, in chunks. Inside an evaluation the classifier's own threads
    are limited to one, in this process too, so that a score does not depend on `n_jobs`.

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
    device: str = "cpu"
    error_score: float | str = "raise"
    feature_names: np.ndarray | None = None
    is_routed: bool = False
    class_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        self._n_features = max(int(fold.columns.max()) + 1 for fold in self.folds)
        self._fold_indices = tuple(range(len(self.folds)))
        self._files = FoldFiles(self.folds)
        self._sent = ClusterFolds(self.folds)
        self._hashes: dict[int, str | None] = {}
        self._is_view = False
        self._seconds = 0.0  # that an engine took for a mask when it was last asked here
        self._seeded = tuple(unset_seeds(self.estimator))
        self._draws = may_draw_globally(self.estimator)
        self._is_weighted = any(fold.weight_fit is not None for fold in self.folds)
        self._spec = self._match_engine()
        wanted = self._spec is None and wants_frames(self.estimator)
        self._names = self.feature_names if wanted else None

    def _match_engine(self) -> EngineSpec | None:
        if self.engine == "sklearn" or not self._may_compile():
            return None
        spec = match(self.estimator, self.scorer, weighted=self._is_weighted)
        if spec and self._is_weighted and self.is_routed and isinstance(self.estimator, Pipeline):
            spec = "sample_weight by the requests of a pipeline's steps"
        if isinstance(spec, EngineSpec):
            return spec.on_device(self.device)
        owner = type(self.estimator).__name__
        if self.engine == "population":
            raise InputError(
                f'{owner}: engine="population" must be given a classifier and settings that it '
                f"computes, got {spec or 'one that it does not know'}."
            )
        if spec is not None:
            _warn_once(
                f"{owner}: {spec} is not computed for whole populations; scikit-learn scores one "
                "mask after the other."
            )
        return None

    def _may_compile(self) -> bool:
        """Return whether there are kernels, without which scikit-learn computes what engines do."""
        if are_kernels_compiled():
            return True
        if self.engine == "population":
            raise InputError(
                'CrossValidatedFitness: engine="population" must have compiled kernels, got '
                "NUMBA_DISABLE_JIT=1."
            )
        _warn_once(
            "NUMBA_DISABLE_JIT=1: kernels are not compiled; scikit-learn scores one mask after the "
            "other."
        )
        return False

    def __enter__(self) -> "CrossValidatedFitness":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the memory-mapped files, if there are any and they are not those of another."""
        if not self._is_view:
            self._files.close()
            self._sent.close()

    def subset(self, fold_indices: Sequence[int]) -> "CrossValidatedFitness":
        """Return the fitness on some of the folds.

        Parameters
        ----------
        fold_indices : sequence of int
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
        indices = [int(index) for index in fold_indices]
        if not indices or not set(indices) <= set(range(len(self.folds))):
            raise InputError(
                f"CrossValidatedFitness: fold_indices must be some of 0 to {len(self.folds) - 1}, "
                f"got {list(fold_indices)}."
            )
        view = replace(self, folds=[self.folds[index] for index in indices])
        view._fold_indices = tuple(self._fold_indices[index] for index in indices)
        view._n_features, view._is_view = self._n_features, True
        view._files, view._sent, view._hashes = self._files, self._sent, self._hashes
        return view

    @property
    def digest(self) -> str | None:
        """Digest of everything that a score depends on, beside the mask.

        The folds (so the data, the split, the preparation and the generator), the classifier and
        the scorer with all their parameters, the seed, vaega's sources, and the versions of what
        computes. None, with a warning, where a parameter has no text that is the same in every
        process: then scores cannot be kept for another one.
        """
        hashes = [self._hash(*pair) for pair in zip(self._fold_indices, self.folds, strict=True)]
        texts = {"estimator": cache_key(self.estimator), "scorer": cache_key(self.scorer)}
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
        known = [list(self._fold_indices), hashes, texts, self.seed]
        if self._names is not None:
            known.append(self._names.astype(str))
        if self._is_weighted and self.is_routed:
            known.append(str(get_routing_for_object(self.estimator)))
        return fingerprint(*known, self._computers())

    def _computers(self) -> list[str]:
        libraries = ["vaega " + source_digest(), *_LIBRARIES]
        if self._spec is not None and not self._spec.engine.EXACT:
            libraries += [
                f"engine {self._spec.name} on {self._spec.device or 'the processor'}",
                "numba " + numba.__version__,
            ]
        return libraries

    def _hash(self, index: int, fold: Fold) -> str | None:
        if index not in self._hashes:
            self._hashes[index] = hash_fold(fold)
        return self._hashes[index]

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
            With ``error_score="raise"``, when the classifier fails on a mask or gives a score that
            is no finite number.
        """
        return self.score_folds(masks).mean(axis=1)

    def score_folds(self, masks: np.ndarray) -> np.ndarray:
        """Return the score of each mask in each fold, shape (n_masks, n_folds)."""
        return self.evaluate(masks).scores

    def evaluate(self, masks: np.ndarray) -> Evaluation:
        """Return the score of each mask in each fold, what the classifier warned of, and failures.

        Where the classifier fails the score is `error_score`.
        """
        evaluation = self._evaluate(masks)
        if not evaluation.failures:
            return evaluation
        if isinstance(self.error_score, str):
            raise InputError(evaluation.failures[min(evaluation.failures)])
        scores = np.where(np.isnan(evaluation.scores), self.error_score, evaluation.scores)
        return replace(evaluation, scores=scores)

    def _evaluate(self, masks: np.ndarray) -> Evaluation:
        masks = np.asarray(masks, dtype=bool)
        if masks.ndim != 2 or masks.shape[1] < self._n_features:
            raise InputError(
                f"CrossValidatedFitness: masks must have shape (n_masks, {self._n_features}), "
                f"got {masks.shape}."
            )
        if len(masks) == 0:
            return Evaluation(np.empty((0, len(self.folds))), ())
        seeded, spec = self._seeded, self._spec
        task = Task(
            self.estimator,
            self.scorer,
            self.seed,
            seeded,
            self._draws,
            self._fold_indices,
            spec,
            self._names,
            self.is_routed,
            self.class_names,
        )
        if spec is None:
            return self._distribute(evaluate_singly, masks, None, task)
        together = self._evaluate_together(masks, task)
        fallback = np.flatnonzero(np.isnan(together.scores).any(axis=1))
        if fallback.size:  # scikit-learn decides what rounding could turn
            known = together.scores[fallback]
            single = self._evaluate_some_singly(masks[fallback], known, task)
            together.scores[fallback] = single.scores
            warned = list(together.warned)
            for row, counted in zip(fallback, single.warned, strict=True):
                warned[row] = warned[row] + counted
            failures = {int(fallback[row]): text for row, text in single.failures.items()}
            return Evaluation(together.scores, tuple(warned), failures)
        return together

    def _evaluate_together(self, masks: np.ndarray, task: Task) -> Evaluation:
        """Score masks with the engine, on several threads only where it takes long."""
        assert task.spec is not None
        if not task.spec.engine.EXACT or self._seconds * len(masks) > _SOON:
            return self._distribute(evaluate_together, masks, None, task, prefer="threads")
        if not self._seconds and len(masks) > 2 * _PROBE:  # a few say how long the others take
            parts = masks[:_PROBE], masks[_PROBE:]
            return _joined([self._evaluate_together(part, task) for part in parts])
        started = time.perf_counter()
        evaluation = evaluate_together(self.folds, Chunk(masks), task)
        self._seconds = (time.perf_counter() - started) / len(masks)
        return evaluation

    def _evaluate_some_singly(self, masks: np.ndarray, known: np.ndarray, task: Task) -> Evaluation:
        """Score the few masks that an engine leaves, on other workers only where it takes long."""
        results, done, started = [], 0, time.perf_counter()
        while done < len(masks) and time.perf_counter() - started < _FOR_PROCESSES:
            part = slice(done, done + 1)
            results.append(evaluate_singly(self.folds, Chunk(masks[part], known[part]), task))
            done += 1
        if done < len(masks):
            rest = self._distribute(evaluate_singly, masks[done:], known[done:], task)
            results.append(rest)
        return _joined(results)

    def _distribute(
        self,
        evaluate: Callable[..., Evaluation],
        masks: np.ndarray,
        known: np.ndarray | None,
        task: Task,
        prefer: str | None = None,
    ) -> Evaluation:
        n_workers, spec = min(count_workers(self.n_jobs), len(masks)), task.spec
        together = evaluate is evaluate_together
        if n_workers == 1 or (together and spec is not None and spec.device):
            return evaluate(self.folds, Chunk(masks, known), task)
        parallel = make_parallel(self.n_jobs, prefer)
        # Threads read the folds where they are, processes map them from files.
        threads = getattr(parallel._backend, "uses_threads", False)
        # What is no training takes as long for any mask, and less than a chunk costs.
        even = together and threads and spec is not None and spec.engine.EXACT
        n_chunks = min(len(masks), n_workers * (1 if even else _CHUNKS_PER_JOB))
        parts = np.array_split(masks, n_chunks)
        known_parts = [None] * n_chunks if known is None else np.array_split(known, n_chunks)
        chunks = [Chunk(*part) for part in zip(parts, known_parts, strict=True)]
        with one_thread():  # here too, for a backend of threads; see there
            if threads:  # joblib looks for results every hundredth of a second: a population's time
                results = _in_threads(
                    lambda chunk: evaluate(self.folds, chunk, task), chunks, n_workers
                )
            else:
                work, folds = self._for_workers(evaluate, parallel)
                tasks = [delayed(work)(folds, chunk, task) for chunk in chunks]
                results = in_workers(parallel, tasks)
        return _joined(results)

    def _for_workers(self, evaluate: Callable[..., Any], parallel: Parallel) -> tuple[Any, Any]:
        client = client_of(parallel)
        if client is None:
            return OfParent(evaluate), self._files.folder
        return WithoutNestedParallelism(evaluate), self._sent.sent_to(client)


def _joined(results: Sequence[Evaluation]) -> Evaluation:
    scores = np.concatenate([result.scores for result in results])
    firsts = np.cumsum([0, *(len(result.scores) for result in results)]).tolist()
    return Evaluation(
        scores,
        tuple(counted for each in results for counted in each.warned),
        {
            first + row: text
            for first, result in zip(firsts, results, strict=False)
            for row, text in result.failures.items()
        },
    )


_WARNED: set[str] = set()


def _warn_once(sentence: str) -> None:
    # Python forgets which warnings it has shown whenever some are caught elsewhere, and a vote of
    # ten searches makes sixty of these objects.
    if sentence not in _WARNED:
        _WARNED.add(sentence)
        warnings.warn(sentence, stacklevel=5)


def _in_threads(
    evaluate: Callable[[Chunk], Evaluation], chunks: Sequence[Chunk], n_workers: int
) -> list[Evaluation]:
    """Evaluate chunks in threads, of which the one that asks is one."""
    pending, results = deque(enumerate(chunks)), dict[int, Evaluation]()
    errors: dict[int, Exception] = {}

    def take() -> tuple[int, Chunk] | None:
        try:
            return pending.popleft()
        except IndexError:
            return None

    def work() -> None:
        with one_thread():
            for index, chunk in iter(take, None):
                try:
                    results[index] = evaluate(chunk)
                except Exception as error:  # raised below, by the thread that asks
                    errors[index] = error
                    pending.clear()  # the others are not needed

    with ThreadPoolExecutor(n_workers - 1) as pool:
        others = [pool.submit(work) for _ in range(n_workers - 1)]
        try:
            work()
        finally:
            pending.clear()
    for other in others:
        other.result()
    if errors:
        raise errors[min(errors)]  # whichever came first: chunks are taken in order
    return [results[index] for index in range(len(chunks))]


def evaluate_together(folds: Folds, chunk: Chunk, task: Task) -> Evaluation:
    """Score masks with the engine of the task."""
    assert task.spec is not None
    masks, seeds = chunk.masks, None
    random = task.spec.engine.RANDOM and task.seeded
    warned: dict[int, Counter[str]] = defaultdict(Counter)
    columns = []
    with one_thread(), captured_warnings():  # an engine names what scikit-learn would warn of
        digests = [fingerprint(row) for row in chunk.bits] if random else []
        for index, fold in zip(task.fold_indices, _folds_of(folds, task), strict=True):
            if random:
                seeds = np.array([_derive_seed(task.seed, digest, index) for digest in digests])
            result = score_fold(task.spec, fold, masks, seeds)
            columns.append(result.scores)
            for text, rows in result.warnings.items():
                for row in rows.tolist():
                    warned[row][text] += 1
    by_mask = [Counter[str]()] * len(masks)
    for row, counted in warned.items():
        by_mask[row] = counted
    return Evaluation(np.stack(columns, axis=1), tuple(by_mask))


def evaluate_singly(folds: Folds, chunk: Chunk, task: Task) -> Evaluation:
    """Score masks with scikit-learn, one after the other."""
    folds, masks, warned = _folds_of(folds, task), chunk.masks, []
    failures: dict[int, str] = {}
    random = task.seeded or task.draws
    digests = [fingerprint(row) if random else "" for row in chunk.bits]
    scores = np.full((len(masks), len(folds)), np.nan)
    if chunk.known is not None:
        scores[:] = chunk.known
    # What the caller chose is for masks. A forest would take it for its trees as well, and add up
    # their votes in the order in which threads end. Counting is entered once here: the one of each
    # mask costs nothing then.
    with (
        one_thread(),
        parallel_config(backend="sequential", n_jobs=1),
        captured_warnings(),
        _checked_once(folds, task),
        sklearn.config_context(enable_metadata_routing=task.is_routed),
    ):
        for row, mask in enumerate(masks):
            with captured_warnings() as counted:
                for column, (index, fold) in enumerate(zip(task.fold_indices, folds, strict=True)):
                    if np.isnan(scores[row, column]):
                        try:
                            scores[row, column] = _score(fold, index, mask, digests[row], task)
                        except CannotScoreMask as error:
                            failures.setdefault(row, str(error))
            warned.append(counted)
    return Evaluation(scores, tuple(warned), failures)


@contextmanager
def _checked_once(folds: Sequence[Fold], task: Task) -> Iterator[None]:
    """Let scikit-learn check neither parameters nor rows again for a classifier with an engine.

    Its checks take as long as quick classifiers do. What they could refuse keeps them.
    """
    spec = task.spec
    checked = spec is not None and not spec.scalers and has_valid_params(spec.classifier)
    if not checked or not all(
        cached_on(fold, "finite", partial(_is_finite, fold)) for fold in folds
    ):
        yield
        return
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def _is_finite(fold: Fold) -> bool:
    return bool(np.isfinite(fold.X_fit).all() and np.isfinite(fold.X_validate).all())


def _folds_of(folds: Folds, task: Task) -> Sequence[Fold]:
    if not isinstance(folds, str | SentFolds):
        return folds
    every = open_folds(folds) if isinstance(folds, str) else folds.folds
    return [every[index] for index in task.fold_indices]


def _derive_seed(seed: int, digest: str, fold_index: int) -> int:
    return derive_seed(seed, "evaluation", digest, fold_index)


def _score(fold: Fold, index: int, mask: np.ndarray, digest: str, task: Task) -> float:
    columns = np.flatnonzero(mask[fold.columns])
    if columns.size == 0:
        guess = DummyClassifier(strategy="prior")
        guess.fit(fold.y_fit[:, None], fold.y_fit, **_fit_weights(guess, fold))
        one_column = fold.y_validate[:, None]
        return float(task.scorer(guess, one_column, fold.y_validate, **_score_weights(fold)))
    estimator = clone(task.estimator)
    seed = _derive_seed(task.seed, digest, index) if task.seeded or task.draws else 0
    if task.seeded:
        set_seeds(estimator, task.seeded, seed)
    if task.draws:
        with global_seed(seed, estimator):
            return _fit_and_score(estimator, fold, index, columns, task)
    return _fit_and_score(estimator, fold, index, columns, task)


def _fit_and_score(
    estimator: Any, fold: Fold, index: int, columns: np.ndarray, task: Task
) -> float:
    try:
        # numpy's take keeps rows contiguous, where X[:, columns] would not.
        X_fit: Any = fold.X_fit.take(columns, axis=1)
        X_validate: Any = fold.X_validate.take(columns, axis=1)
        if task.feature_names is not None:
            names = task.feature_names[fold.columns[columns]]
            X_fit, X_validate = (pd.DataFrame(X, columns=names) for X in (X_fit, X_validate))
        estimator.fit(X_fit, fold.y_fit, **_fit_weights(estimator, fold, task.is_routed))
        score = float(task.scorer(estimator, X_validate, fold.y_validate, **_score_weights(fold)))
    except MemoryError:  # says nothing of the mask
        raise
    except Exception as error:
        reason = first_line(error).rstrip(".")
        raise CannotScoreMask(_failure(columns.size, fold, index, task, reason)) from error
    if not np.isfinite(score):
        reason = f"the score is {score}"
        if len(present := np.unique(fold.y_validate)) == 1:
            name = _name_of(present[0], task.class_names)
            reason = f"the validate rows are of one class, {name}, and {reason}"
        raise CannotScoreMask(_failure(columns.size, fold, index, task, reason))
    return score


class CannotScoreMask(InputError):
    """A classifier failed on a mask in a fold."""


def wants_frames(estimator: Any) -> bool:
    """Return whether a classifier may choose columns by name or dtype, so that it gets DataFrames.

    Others get arrays, which cost less; some refuse names that genes have.
    """
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(part, Pipeline | ColumnTransformer) for part in parts)


def _fit_weights(estimator: Any, fold: Fold, is_routed: bool = False) -> dict[str, np.ndarray]:
    if fold.weight_fit is None:
        return {}
    if isinstance(estimator, Pipeline) and not is_routed:  # its last step is the classifier
        return {f"{estimator.steps[-1][0]}__sample_weight": fold.weight_fit}
    return {"sample_weight": fold.weight_fit}


def _score_weights(fold: Fold) -> dict[str, np.ndarray]:
    return {} if fold.weight_validate is None else {"sample_weight": fold.weight_validate}


def _failure(n_columns: int, fold: Fold, index: int, task: Task, reason: str) -> str:
    return (
        f"{type(task.estimator).__name__}: cannot be fitted and scored on {n_columns} features, "
        f"{len(fold.y_fit)} fit rows and {len(fold.y_validate)} validate rows, fold {index + 1} "
        f"(fit rows: {count_by_class(fold.y_fit, task.class_names)}): {reason}."
    )


def _name_of(label: Any, class_names: Sequence[str] | None) -> str:
    return str(label if class_names is None else class_names[int(label)])


def count_by_class(y: np.ndarray, class_names: Sequence[str] | None = None) -> str:
    """Return how many rows each class has, for a message: the smallest classes first."""
    labels, counts = np.unique(y, return_counts=True)
    order = np.argsort(counts, kind="stable")[:_NAMED_CLASSES]
    named = [f"{counts[k]} of class {_name_of(labels[k], class_names)}" for k in order]
    n_more = len(labels) - len(named)
    return ", ".join(named) + (f" and {n_more} more classes" if n_more else "")
