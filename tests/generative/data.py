"""Data for the tests of this folder: small made-up sets, and real ones where $VAEGA_DATA is set."""

import os
from pathlib import Path

import numpy as np
import pytest


def blobs(n=60, p=12, seed=0, classes=2):
    """Correlated Gaussian classes with shifted means."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    X[:, 0] += 2.0 * y
    return X, y


def leukemia():
    """Golub's 38 training rows: clip to [20, 16000], log2, standardise."""
    folder = os.environ.get("VAEGA_DATA")
    if not folder:
        pytest.skip("VAEGA_DATA is not set, so that the real leukemia data cannot be read")
    with np.load(Path(folder) / "leukemia.npz", allow_pickle=False) as data:
        X, y = np.log2(np.clip(data["X_train"], 20, 16000)), data["y_train"]
    deviation = X.std(axis=0)
    constant = deviation < 1e-9
    return np.where(constant, 0.0, (X - X.mean(axis=0)) / np.where(constant, 1, deviation)), y
