"""Tests run as evaluations do: with one thread."""

import pytest

from vaega.core.threads import one_thread


@pytest.fixture(autouse=True)
def _one_thread():
    import torch  # noqa: F401 - a library that is loaded later would not be limited

    with one_thread():
        yield
