"""What tests share: small data, and the folder of real data sets."""

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def real_data():
    folder = os.environ.get("VAEGA_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data sets are not here: VAEGA_DATA names no folder")
    return Path(folder)


@pytest.fixture
def two_clouds(rng):
    """Return 60 rows of 12 features in two classes that differ in the first two features."""
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, 12))
    X[:, :2] += 2.0 * y[:, None]
    return X, y


@pytest.fixture(scope="session")
def small_results(tmp_path_factory):
    """Return the results folder of three arms and three seeds; who changes it copies it first."""
    from tests.report.experiments import run_small

    return run_small(tmp_path_factory.mktemp("results"), seeds=3)
