"""The minimum is one: the gradient vanishes there."""

import pytest
import torch

from vaega.fitness.population.batched.newton import Problem, minimise


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e4])
def test_the_gradient_vanishes(n_outputs, cost):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn((5, 6, 40), generator=generator, dtype=torch.float64)
    rows[:, -1] = 1.0
    codes = torch.randint(max(n_outputs, 2), (40,), generator=generator)
    targets = torch.stack([codes == code + (n_outputs == 1) for code in range(n_outputs)]).double()
    free = torch.arange(6) == 5
    problem = Problem(rows, free, targets, torch.full((40,), cost, dtype=torch.float64))
    weights, done = minimise(problem)
    assert done.all()
    assert problem.pull(weights, problem.share(weights @ rows)).abs().max() < 1e-8 * max(cost, 1)


def test_what_is_no_number_does_not_end_and_disturbs_nobody():
    rows = torch.ones((2, 1, 4), dtype=torch.float64)
    rows[0, 0, 2] = torch.nan
    ones = torch.ones(4, dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    _, done = minimise(Problem(rows, torch.tensor([False]), targets, ones))
    assert done.tolist() == [False, True]
