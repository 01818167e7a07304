import numpy as np
import pytest
import torch

from tests.generative.data import blobs
from vaega.generative._closed_form import ProbabilisticPCA
from vaega.generative._density import PROPOSAL_MARGIN, draw_noise, log_weights, propose
from vaega.generative._models import VAE
from vaega.generative._state import one_torch_thread


@pytest.fixture(autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


def state():
    X, y = blobs()
    model = VAE((8,), 2, max_epochs=30, random_state=0).fit(X, y)
    return model.state_, model.state_.scaling.forward(X)


def test_rows_without_gaps_are_proposed_as_they_are():
    found, rows = state()
    proposal = propose(found, rows, None, torch.zeros(3, 2).double())
    assert proposal.encoder_rows is rows
    assert bool((proposal.widths == 1).all())


def test_gaps_are_seen_as_what_the_row_decodes_to():
    found, rows = state()
    holed = rows.copy()
    holed[0, :6] = np.nan
    proposal = propose(found, holed, None, torch.zeros(3, 2).double())
    np.testing.assert_array_equal(proposal.encoder_rows[1:], rows[1:])
    np.testing.assert_array_equal(proposal.encoder_rows[0, 6:], rows[0, 6:])
    mean = found.codec.posterior(proposal.encoder_rows[:1], None)[0]
    np.testing.assert_allclose(
        proposal.encoder_rows[0, :6], found.codec.decode(mean, None)[0, :6], atol=1e-3
    )
    assert bool((proposal.widths[0] >= PROPOSAL_MARGIN).all())
    assert bool((proposal.widths[1:] == 1).all())


def test_the_density_of_wide_points_is_that_of_wide_normals():
    found, rows = state()
    holed = rows.copy()
    holed[:, :6] = np.nan
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 2)))
    proposal = propose(found, holed, None, noise)
    points, log_q = proposal.points(found.codec, np.arange(5))
    mean, variance = found.codec.posterior(proposal.encoder_rows[:5], None)
    normal = torch.distributions.Normal(mean, variance.sqrt() * proposal.widths[:5])
    torch.testing.assert_close(log_q, normal.log_prob(points).sum(dim=-1))


def test_closed_forms_need_no_noise_unless_asked():
    X, _ = blobs()
    found = ProbabilisticPCA(2).fit(X).state_
    rng = np.random.default_rng(0)
    assert draw_noise(found, None, 9, rng) is None
    assert draw_noise(found, 5, 9, rng).shape == (5, 2)
    assert draw_noise(state()[0], None, 9, rng).shape == (9, 2)


def test_noise_of_each_row_is_used_for_that_row():
    found, rows = state()
    rows[::3, 0] = np.nan
    shared = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 2)))
    own = shared[:, None].repeat(1, len(rows), 1)
    expected = log_weights(found, propose(found, rows, None, shared))
    torch.testing.assert_close(log_weights(found, propose(found, rows, None, own)), expected)
    own[:, 4] += 0.5
    changed = log_weights(found, propose(found, rows, None, own))
    others = np.arange(len(rows)) != 4
    torch.testing.assert_close(changed[:, others], expected[:, others])
    assert not torch.allclose(changed[:, 4], expected[:, 4])
