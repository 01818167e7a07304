from itertools import pairwise

import pytest

from vaega.generative._training import Annealing


def test_without_annealing_the_weight_is_full_at_once():
    assert Annealing().share(0) == 1.0
    assert Annealing().length == 0


@pytest.mark.parametrize("n_cycles", [1, 2, 3, 7])
@pytest.mark.parametrize("n_epochs", [7, 20, 100])
def test_shares_are_positive_and_end_full(n_epochs, n_cycles):
    schedule = Annealing("cyclical", n_epochs, n_cycles)
    shares = [schedule.share(epoch) for epoch in range(n_epochs + 3)]
    assert all(0.0 < share <= 1.0 for share in shares)
    assert shares[n_epochs:] == [1.0] * 3
    drops = sum(b < a for a, b in pairwise(shares))
    assert drops == n_cycles - 1 or n_epochs < 3 * n_cycles


def test_linear_climbs_steadily():
    shares = [Annealing("linear", 10).share(epoch) for epoch in range(10)]
    assert shares == pytest.approx([0.1 * k for k in range(1, 11)])
