"""What tests share: small data, and the folder of real data sets."""

import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

# No example has a deadline: the machine may be busy with something else.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _kernels_are_compiled_in_silence():
    """Let no test find the line of the first compilation among what it looks for."""
    from vaega.core.kernels import ANNOUNCEMENT

    ANNOUNCEMENT.said = True


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("VAEGA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _own_classes(monkeypatch):
    """Configurations of tests may name classes of tests."""
    monkeypatch.setenv("VAEGA_TRUST", "tests")


@pytest.fixture(scope="module")
def no_pages():
    """Of tests that look at runs and not at their page: nobody draws it."""
    from tests.processes import without_pages

    with without_pages():
        yield


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
def shared_folder(tmp_path_factory):
    """Return a folder that the workers of pytest-xdist have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def small_results(shared_folder):
    """Return results of three arms, three seeds and final runs; who changes them copies them."""
    from tests.report.experiments import run_small

    with FileLock(shared_folder / "results.lock"):
        return run_small(shared_folder / "results", seeds=3, final=True)
