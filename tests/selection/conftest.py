"""Forests of filters are small here; what they claim holds for any number of trees."""

import pytest

from vaega.selection import _filters as filters


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch, request):
    if "boruta" in request.node.name and "without" not in request.node.name:
        pytest.importorskip("boruta", reason="boruta is not installed (extra compare)")
    monkeypatch.setattr(filters, "_N_TREES", 100)
    monkeypatch.setattr(filters, "_N_FOREST", 30)
    monkeypatch.setattr(filters, "_N_ROUNDS", 15)
