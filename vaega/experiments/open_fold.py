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
    """Return the fold of ``as-described``: every synthetic row is a fit row."""
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
    """Return the fold that a protocol makes of a trial for an arm."""
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
    """Return a fold with synthetic rows behind its real ones, evenly spread over both parts."""
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
