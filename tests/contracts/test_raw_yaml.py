"""Any bytes as a configuration: valid or refused, a sentence a fault, in bounded time and memory.

These are the first of what ``make chaos`` tries, see `tests.contracts.chaos`.
"""

import pytest

from tests.contracts.raw_yaml import SCALARS, RawTexts

N_TEXTS, SEED = 100, 100


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    return RawTexts(tmp_path)


def test_any_text_is_valid_or_refused(texts):
    codes = [texts.try_one(seed) for seed in range(SEED, SEED + N_TEXTS)]
    # Texts that are all refused, or all valid, would test little.
    assert 0 < codes.count(0) < N_TEXTS


def test_any_value_of_an_option_is_valid_or_refused(texts):
    (texts.place / "good.yaml").write_text(
        "{name: good, dataset: {source: table.csv}, fitness: {classifier: knn}, seeds: 1}"
    )
    for key in ("seeds", "search.elite", "description", "permutations"):
        for value in SCALARS:
            texts.check("check", "good.yaml", "--no-data", "--set", f"{key}={value}")
