"""Values are finite vectors, or one sentence."""

import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.report._statistics import as_values


def test_values_become_floats():
    assert as_values((1, 2), owner="x").dtype == np.float64


@pytest.mark.parametrize(
    ("values", "least", "message"),
    [
        ([], 1, r"^x: takes a vector of at least 1, got shape \(0,\)\.$"),
        ([1.0], 2, r"^x: takes a vector of at least 2, got shape \(1,\)\.$"),
        ([[1.0]], 1, r"got shape \(1, 1\)\.$"),
        ([1.0, np.inf], 1, r"^x: values must be finite, got inf at 1\.$"),
    ],
)
def test_what_is_refused(values, least, message):
    with pytest.raises(InputError, match=message):
        as_values(values, owner="x", least=least)
