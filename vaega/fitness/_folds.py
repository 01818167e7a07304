"""Inner folds: prepared on their fit rows, and brought to the workers that score masks on them.

In threads workers read the folds where they are, in processes from memory-mapped files, on a Dask
cluster from what was sent to them once. joblib's Dask backend leaves four things to its callers.
Workers do not see the files of this machine, so the folds are sent (`ClusterFolds`). In a block of
``parallel_config`` every classifier would give its own work to the cluster, a forest its trees, and
add up their votes in the order in which they come; so only the folds and masks of a search go there
(`work_on`), and within a worker nothing is parallel (`WithoutNestedParallelism`). And where the
workers that had some work died one after the other, joblib would wait for it for ever; here that is
an error (`make_cluster_backend`).
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone

from vaega.core.errors import InputError, first_line
from vaega.core.files import fingerprint
from vaega.core.randomness import derive_seed
from vaega.data._splits import Fold


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
        fitted.fit(X_fit, y_fit)
        X_fit, X_validate = fitted.transform(X_fit), fitted.transform(X_validate)
        columns = fitted.columns_
    X_real = X_fit
    if sampler is not None:
        X_fit, y_fit = augment(X_fit, y_fit, sampler, seed=derive_seed(seed, "sampler"))
    n_real = _count_real(X_real, X_fit)
    fold = Fold(X_fit, y_fit, X_validate, y[validate_rows], columns, n_real)
    if sample_weight is None:
        return fold
    weight_fit = _augmented_weights(sample_weight[fit_rows], y[fit_rows], y_fit)
    return replace(fold, weight_fit=weight_fit, weight_validate=sample_weight[validate_rows])


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
    X: np.ndarray, y: np.ndarray, sampler: Any, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows a sampler makes of `X`, with a clone of it."""
    if not hasattr(sampler, "fit_resample") or isinstance(sampler, type):
        raise InputError(
            f"sampler: must be an instance with the method fit_resample, got {sampler!r}."
        )
    return seed_unset(clone(sampler), seed).fit_resample(X, y)


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
    parallel = make_parallel(n_jobs)
    prepare = (
        prepare_fold if client_of(parallel) is None else WithoutNestedParallelism(prepare_fold)
    )
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
        )
        for index, (fit_rows, validate_rows) in enumerate(splits)
    ]
    if sampler is None:
        return [function(*args, **kwargs) for function, args, kwargs in tasks]
    return list(parallel(tasks))


def unset_seeds(estimator: Any) -> list[str]:
    """Return the names of all ``random_state`` parameters, nested ones too, that are None."""
    if not hasattr(estimator, "get_params"):
        return []
    parameters = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seed_unset(estimator: Any, seed: int) -> Any:
    """Set every ``random_state`` that the user left unset; what the user set stays."""
    names = unset_seeds(estimator)
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))
    return estimator


_PARTS = tuple(field.name for field in fields(Fold))


class FoldFiles:
    """A temporary folder that holds folds, made when it is first asked for."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> str:
        """Where the files are; they are written now if they were not before."""
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vaega-folds-")
            _write(Path(self._temporary.name), self.folds)
        return self._temporary.name

    def close(self) -> None:
        """Remove the files, if there are any."""
        if self._temporary is not None:
            self._temporary.cleanup()
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
        names = [field.name for field in fields(Fold)]
        return _receive, ([{name: getattr(fold, name) for name in names} for fold in self.folds],)


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


def count_workers(n_jobs: int | None) -> int:
    """Return how many workers that is."""
    backend = None if n_jobs == 1 else _BACKEND.get()
    return int(effective_n_jobs(n_jobs) if backend is None else backend.effective_n_jobs(n_jobs))


def client_of(parallel: Parallel) -> Any:
    """Return the client of the cluster on which a `Parallel` computes."""
    return getattr(parallel._backend, "client", None)


@dataclass(frozen=True)
class WithoutNestedParallelism:
    """A function that computes in its own process, whatever it gives to joblib in turn."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function."""
        with parallel_config(backend="sequential"):
            return self.function(*arguments, **keywords)
