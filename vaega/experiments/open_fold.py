"""The one fold of a protocol whose search sees the test rows: fit on training, score on test."""

from dataclasses import replace
from typing import Any

import numpy as np

from vaega.core.errors import ConfigError
from vaega.experiments.arm_config import ArmConfig
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.protocols import OpenTrial
from vaega.experiments.samplers import make_arm_model, make_sampler
from vaega.fitness.folds import Fold, Preparation, prepare_fold


def described_fold(
    trial: OpenTrial, columns: np.ndarray, preparation: Preparation, sampler: Any
) -> Fold:
    """Return the fold of ``as-described``: every synthetic row is a fit row.

    Parameters
    ----------
    trial : OpenTrial
    columns : numpy.ndarray of int
        Features that preparation and sampler see.
    preparation : Preparation
        Fitted on the training rows.
    sampler : object with ``fit_resample``, or None
        Fitted on the training rows.

    Returns
    -------
    Fold

    Examples
    --------
    >>> from vaega.data.preprocess import Preprocessor
    >>> X, y = np.arange(12.0).reshape(6, 2), np.tile([0, 1], 3)
    >>> trial = OpenTrial(X[:4], y[:4], X[4:], y[4:], seed=0, generator_seed=0)
    >>> described_fold(trial, np.arange(2), Preprocessor([]), None).X_validate
    array([[ 8.,  9.],
           [10., 11.]])
    """
    X = np.vstack([trial.X, trial.X_test])[:, columns]
    y = np.concatenate([trial.y, trial.y_test])
    fit, test = np.split(np.arange(len(y)), [len(trial.y)])
    seed = trial.generator_seed
    return prepare_fold(X, y, fit, test, preparation=preparation, sampler=sampler, seed=seed)


def make_open_fold(
    trial: OpenTrial,
    columns: np.ndarray,
    preparation: Preparation,
    protocol: ProtocolConfig,
    arm: ArmConfig,
    *,
    n_classes: int,
    device: str,
    cache: Any,
) -> Fold:
    """Return the fold that a protocol makes of a trial for an arm.

    Parameters
    ----------
    trial : OpenTrial
    columns : numpy.ndarray of int
        Features that preparation and generator see.
    preparation : Preparation
        Fitted on the training rows.
    protocol : ProtocolConfig
        ``as-described`` or ``as-run``.
    arm : ArmConfig
        Its generator and amount.
    n_classes : int
        Of the dataset.
    device : {"auto", "cpu", "cuda"}
        Where autoencoders are trained.
    cache : path or "auto" or None
        Where trained autoencoders of ``as-described`` are kept.

    Returns
    -------
    Fold
        Real rows first, in both parts.

    Raises
    ------
    ConfigError
        When the public code has no generator of the arm's kind.
    """
    if protocol.kind == "as-described" or arm.generator is None or arm.amount is None:
        sampler = make_sampler(arm, n_classes, device=device, cache=cache)
        return described_fold(trial, columns, preparation, sampler)
    if arm.generator.kind not in ("vae", "conditional_vae"):
        raise ConfigError(
            "protocol as-run: generator.kind must be vae or conditional_vae, as in the public "
            f"code, got {arm.generator.kind!r}."
        )
    from vaega.experiments.as_run_generator import AsRunGenerator

    fold = described_fold(trial, columns, preparation, None)
    model = make_arm_model(arm, device=device)
    rows = AsRunGenerator.of(model, n_classes, device=device).draw(
        fold.X_fit,
        fold.y_fit,
        fold.X_validate,
        fold.y_validate,
        arm.amount,
        seed=trial.generator_seed,
    )
    labels = n_classes - 1 - rows.y if protocol.exchange_labels else rows.y
    return with_synthetic_rows(fold, rows.X, labels, test_share=protocol.synthetic_test_share)


def with_synthetic_rows(fold: Fold, X: np.ndarray, y: np.ndarray, *, test_share: float) -> Fold:
    """Return a fold with synthetic rows behind its real ones, evenly spread over both parts.

    Parameters
    ----------
    fold : Fold
    X : numpy.ndarray of float, shape (n_rows, n_kept)
        Synthetic rows.
    y : numpy.ndarray of int, shape (n_rows,)
        Their labels.
    test_share : float
        Share of them that joins the test part.

    Returns
    -------
    Fold

    Examples
    --------
    >>> X, y = np.zeros((2, 1)), np.array([0, 1])
    >>> fold = Fold(X, y, X, y, columns=np.arange(1), n_real=2)
    >>> made = with_synthetic_rows(fold, np.ones((10, 1)), np.ones(10, int), test_share=0.3)
    >>> len(made.X_fit), len(made.X_validate)
    (9, 5)
    """
    due = np.floor(np.round(np.arange(len(y) + 1) * test_share, 9))
    test = np.diff(due) > 0
    fit = ~test
    return replace(
        fold,
        X_fit=np.vstack([fold.X_fit, X[fit]]),
        y_fit=np.concatenate([fold.y_fit, y[fit]]),
        X_validate=np.vstack([fold.X_validate, X[test]]),
        y_validate=np.concatenate([fold.y_validate, y[test]]),
    )
