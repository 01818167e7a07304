"""Forests of filters are small here; what they claim holds for any number of trees."""

import pytest

from vaega.selection import _rankers as rankers


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch, request):
    if "boruta" in request.node.name and "without" not in request.node.name:
        pytest.importorskip("boruta", reason="boruta is not installed (extra compare)")
    monkeypatch.setattr(rankers, "_N_TREES", 100)
    monkeypatch.setattr(rankers, "_N_FOREST", 30)
    monkeypatch.setattr(rankers, "_N_ROUNDS", 15)
