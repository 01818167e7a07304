"""Effect sizes against counting all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaega.core.errors import InputError
from vaega.report._statistics import cliffs_delta, magnitude, superiority

groups = st.lists(st.integers(-4, 4), min_size=1, max_size=12)


@given(groups, groups)
def test_superiority_counts_pairs_and_ties_by_half(a, b):
    x, y = np.array(a)[:, None], np.array(b)[None]
    assert superiority(a, b) == pytest.approx(((x > y) + 0.5 * (x == y)).mean())
    assert cliffs_delta(a, b) == pytest.approx((x > y).mean() - (x < y).mean())
    assert superiority(a, b) + superiority(b, a) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("delta", "word"),
    [(0.0, "negligible"), (0.147, "small"), (-0.33, "medium"), (0.474, "large"), (-1.0, "large")],
)
def test_words(delta, word):
    assert magnitude(delta) == word


@pytest.mark.parametrize("a", [[], [1.0, np.nan], [[1.0]]])
def test_bad_groups_are_one_sentence(a):
    with pytest.raises(InputError, match=r"^superiority: "):
        superiority(a, [1.0])
