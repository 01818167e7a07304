"""Multilayer perceptrons: one network a mask, trained in a kernel from scikit-learn's own draws."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from vaega.fitness.folds import Fold
from vaega.fitness.population.kernels import network as networks
from vaega.fitness.population.kernels import training
from vaega.fitness.population.kernels.mersenne import advance, words_of
from vaega.fitness.population.kernels.network import Layout, Network, make_layout
from vaega.fitness.population.kernels.network_population import fit_and_predict, initial_network
from vaega.fitness.population.kernels.training import Outcome, Rows, Settings, predict, train
from vaega.fitness.population.responses import LABELS, PROBABILITIES, RANKING, Responses

NEEDS: tuple[str, ...] = (LABELS, RANKING, PROBABILITIES)
WEIGHTS = True
EXACT = False
RANDOM = True

_ACTIVATIONS = {
    "identity": networks.IDENTITY,
    "logistic": networks.LOGISTIC,
    "tanh": networks.TANH,
    "relu": networks.RELU,
}
_SOLVERS = {"adam": training.ADAM, "sgd": training.SGD}
_RATES = {
    "constant": training.CONSTANT,
    "invscaling": training.INVSCALING,
    "adaptive": training.ADAPTIVE,
}
_AT_ONCE = 16  # masks a call of a kernel, which no interrupt ends
_NO_WORDS = np.zeros(0, np.int64)
_REFUSED = "a setting that scikit-learn refuses"
_CLIPPED = (
    "UserWarning: Got `batch_size` less than 1 or larger than sample size. It is going to be "
    "clipped"
)


def accepts(estimator: Any) -> str | None:
    """Return which setting of a multilayer perceptron is not computed here, if any."""
    try:
        estimator._validate_params()
    except ValueError:
        return _REFUSED
    if np.min(estimator.hidden_layer_sizes, initial=1) < 1:
        return _REFUSED
    if estimator.solver not in _SOLVERS:
        return f"solver={estimator.solver!r}"
    if isinstance(estimator.random_state, np.random.RandomState):
        return "random_state=RandomState(...)"
    for name in ("warm_start", "verbose"):
        if getattr(estimator, name):
            return f"{name}={getattr(estimator, name)!r}"
    return None


def respond(
    estimator: MLPClassifier,
    fold: Fold,
    masks: np.ndarray,
    *,
    need: str,
    seeds: np.ndarray | None,
) -> Responses:
    """Return the answers of a network for each mask."""
    answers = Responses.undecided(len(masks), len(fold.y_validate))
    rows, validate = _rows_of(fold, np.dtype(np.float32))
    n_classes = int(rows.codes.max()) + 1
    if n_classes < 2:
        return answers
    outputs = np.full((*answers.codes.shape, 1 if n_classes == 2 else n_classes), np.nan)
    converged = np.ones(len(masks), dtype=bool)
    if seeds is None:
        seeds = _own_seeds(estimator, len(masks))
    fit = _fit_singly if estimator.early_stopping else _fit_together
    for start in range(0, len(masks), _AT_ONCE):
        own = slice(start, start + _AT_ONCE)
        fit(estimator, (rows, validate), masks[own], seeds[own], outputs[own], converged[own])
    values = np.concatenate([1.0 - outputs, outputs], axis=2) if n_classes == 2 else outputs
    codes = (values[:, :, 1] > 0.5).astype(int) if n_classes == 2 else values.argmax(axis=2)
    ranking = values[:, :, 1] if need == RANKING else values
    return Responses(
        codes,
        np.asarray(np.isfinite(outputs).all(axis=(1, 2))),
        None if need == LABELS else ranking,
        warned=_warned(estimator, ~converged, len(rows.X)),
    )


def _own_seeds(estimator: MLPClassifier, n_masks: int) -> np.ndarray:
    if estimator.random_state is None:
        return np.random.default_rng().integers(2**32, size=n_masks)
    return np.full(n_masks, estimator.random_state, dtype=np.int64)


def _fit_together(
    estimator: MLPClassifier,
    tables: tuple[Rows, Rows],
    masks: np.ndarray,
    seeds: np.ndarray,
    outputs: np.ndarray,
    converged: np.ndarray,
) -> None:
    """Write the outputs of each mask's network for the second table, and whether it converged."""
    rows, validate = tables
    units = _units_of(estimator, outputs.shape[2])
    layout = make_layout(units, max(masks.shape[1] + 1, len(rows.X)), rows.X.dtype)
    fit_and_predict(
        rows,
        validate,
        np.ascontiguousarray(masks),
        np.asarray(seeds, dtype=np.int64),
        layout,
        _gain_of(estimator),
        _settings(estimator, len(rows.X)),
        outputs,
        converged,
    )


def _fit_singly(
    estimator: MLPClassifier,
    tables: tuple[Rows, Rows],
    masks: np.ndarray,
    seeds: np.ndarray,
    outputs: np.ndarray,
    converged: np.ndarray,
) -> None:
    """Do the same where scikit-learn splits the rows first."""
    for place, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
        columns = np.flatnonzero(mask)
        fitted = fit_network(estimator, tables[0], columns, int(seed))
        if fitted is not None:
            network, layout, outcome = fitted
            converged[place] = outcome.converged
            if np.isfinite(network.first).all() and np.isfinite(network.rest).all():
                activation = _ACTIVATIONS[estimator.activation]
                outputs[place] = predict(tables[1], columns, layout, network, activation)


def _warned(estimator: MLPClassifier, stopped: np.ndarray, n_rows: int) -> dict[str, np.ndarray]:
    unfinished = (
        f"ConvergenceWarning: Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
        "reached and the optimization hasn't converged yet."
    )
    clipped = estimator.batch_size != "auto" and estimator.batch_size > n_rows
    return {unfinished: stopped, _CLIPPED: np.full(len(stopped), clipped)}


_KNOWN: WeakKeyDictionary[Fold, dict[np.dtype, tuple[Rows, Rows]]] = WeakKeyDictionary()


def _rows_of(fold: Fold, dtype: np.dtype) -> tuple[Rows, Rows]:
    """Return the fit and the validate rows, as kernels read them."""
    known = _KNOWN.setdefault(fold, {})
    if dtype not in known:
        codes = np.unique(fold.y_fit, return_inverse=True)[1].astype(np.int64)
        weights = np.ones(len(codes)) if fold.weight_fit is None else fold.weight_fit
        fit = Rows(np.array(fold.X_fit, dtype, order="C"), codes, np.array(weights, dtype))
        n_validate = len(fold.y_validate)
        known[dtype] = (
            fit,
            Rows(
                np.array(fold.X_validate, dtype, order="C"),
                np.zeros(n_validate, np.int64),
                np.ones(n_validate, dtype),
            ),
        )
    return known[dtype]


def fit_network(
    estimator: MLPClassifier, rows: Rows, columns: np.ndarray, seed: int | None
) -> tuple[Network, Layout, Outcome] | None:
    """Train the network of one mask."""
    n_classes = int(rows.codes.max()) + 1
    units = _units_of(estimator, 1 if n_classes == 2 else n_classes)
    stream = np.random.RandomState(seed)
    network = _initial(estimator, len(columns), units, stream, rows.X.dtype)
    fit, held_out = np.arange(len(rows.X)), np.arange(0)
    if estimator.early_stopping:
        try:
            fit, held_out = train_test_split(
                fit,
                random_state=stream,
                test_size=estimator.validation_fraction,
                stratify=rows.codes if n_classes == 2 else None,
            )
        except ValueError:
            return None
        if len(held_out) < 2 or not rows.weights[held_out].any():
            return None
    settings = _settings(estimator, len(fit))
    shuffled = settings.shuffle and settings.batch_size < len(fit)
    words = words_of(stream) if shuffled else _NO_WORDS
    layout = make_layout(units, max(len(columns) + 1, len(rows.X)), rows.X.dtype)
    outcome = train(rows, fit, held_out, columns, layout, network, words, settings)
    return network, layout, outcome


def _units_of(estimator: MLPClassifier, n_outputs: int) -> np.ndarray:
    hidden = np.atleast_1d(estimator.hidden_layer_sizes).astype(np.int64)
    return np.append(hidden, n_outputs)


def _gain_of(estimator: MLPClassifier) -> float:
    return 2.0 if estimator.activation == "logistic" else 6.0


def _initial(
    estimator: MLPClassifier,
    n_columns: int,
    units: np.ndarray,
    stream: np.random.RandomState,
    dtype: np.dtype,
) -> Network:
    """Return initial weights; the stream goes on from there."""
    words, layout = words_of(stream), make_layout(units, 1, dtype)
    network = initial_network(words, n_columns, layout, _gain_of(estimator), np.empty(0, dtype))
    advance(stream, words)
    return network


def _settings(estimator: MLPClassifier, n_rows: int) -> Settings:
    size = min(200, n_rows) if estimator.batch_size == "auto" else estimator.batch_size
    return Settings(
        activation=_ACTIVATIONS[estimator.activation],
        solver=_SOLVERS[estimator.solver],
        alpha=float(estimator.alpha),
        batch_size=int(min(size, n_rows)),
        learning_rate=_RATES[estimator.learning_rate] if estimator.solver == "sgd" else 0,
        learning_rate_init=float(estimator.learning_rate_init),
        power_t=float(estimator.power_t),
        max_iter=int(estimator.max_iter),
        shuffle=bool(estimator.shuffle),
        tol=float(estimator.tol),
        momentum=float(estimator.momentum),
        nesterovs_momentum=bool(estimator.nesterovs_momentum),
        early_stopping=bool(estimator.early_stopping),
        beta_1=float(estimator.beta_1),
        beta_2=float(estimator.beta_2),
        epsilon=float(estimator.epsilon),
        n_iter_no_change=float(estimator.n_iter_no_change),
    )
