import copy
import dataclasses
import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vaega.core.errors import InputError
from vaega.generative import training
from vaega.generative.compute import one_thread
from vaega.generative.networks import build_network
from vaega.generative.training import (
    HeldoutJudge,
    History,
    Rows,
    TrainingSettings,
    elbo,
    error_and_kl,
    fit_loop,
    gaussian_kl,
    shuffled_batches,
    train_step,
)

SETTINGS = TrainingSettings(
    learning_rate=1e-2, batch_size=256, max_epochs=30, patience=30, beta=1.0, sigma=None
)


@pytest.fixture(autouse=True)
def _as_estimators_run_it():
    with one_thread():
        yield


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def some_rows(n, p=6, seed=0):
    factors = torch.randn(n, 2, generator=generator(seed))
    mixing = torch.randn(2, p, generator=generator(99))
    return Rows(factors @ mixing + 0.3 * torch.randn(n, p, generator=generator(seed + 1)))


def network(p=6, norm="batch"):
    return build_network(generator(), p, (8,), 2, norm=norm)


def test_kl_is_that_of_torch_distributions():
    mean = torch.randn(5, 3, generator=generator())
    log_variance = torch.randn(5, 3, generator=generator(1))
    posterior = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    prior = Independent(Normal(torch.zeros(5, 3), torch.ones(5, 3)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), kl_divergence(posterior, prior))


def test_elbo_is_log_density_minus_kl():
    x, decoded, kl = torch.randn(7, generator=generator()), torch.zeros(7), torch.tensor(1.5)
    density = Normal(decoded, math.sqrt(0.3)).log_prob(x).sum()
    error = (x - decoded).square().sum()
    torch.testing.assert_close(elbo(error, kl, torch.tensor(0.3), 7, 2.0), density - 3.0)


def test_error_is_summed_over_features():
    model, rows = network(norm=None), some_rows(4)
    noise = torch.zeros(4, 2)
    decoded = model(rows.values, noise)[0]
    expected = (rows.values - decoded).square().sum()
    torch.testing.assert_close(error_and_kl(model, rows, noise)[0], expected)


def test_gradient_is_that_of_finite_differences():
    model, rows = network(norm=None).double(), some_rows(5)
    rows, noise = Rows(rows.values.double()), torch.randn(5, 2, generator=generator()).double()
    weight = model.encoder.heads.weight

    def loss():
        return error_and_kl(model, rows, noise).sum()

    loss().backward()
    with torch.no_grad():
        for index in [(0, 0), (3, 5)]:
            weight[index] += 1e-6
            above = loss()
            weight[index] -= 2e-6
            slope = (above - loss()) / 2e-6
            weight[index] += 1e-6
            assert slope.item() == pytest.approx(weight.grad[index].item(), rel=1e-4, abs=1e-5)


def test_kl_is_on_by_default_and_moves_the_weights():
    def heads_after(beta):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        train_step(model, some_rows(8), optimizer, beta, torch.tensor(1.0), generator())
        return model.encoder.heads.weight

    assert not torch.equal(heads_after(1.0), heads_after(1e-9))


def test_best_weights_are_a_copy(monkeypatch):
    seen = []

    def judge(self, variance):
        seen.append(copy.deepcopy(self.network.state_dict()))
        bound = -1.0 if len(seen) == 4 else -5.0 - len(seen)
        return torch.tensor([bound, 1.0, 1.0]), variance

    monkeypatch.setattr(HeldoutJudge, "__call__", judge)
    model = network()
    history = fit_loop(model, some_rows(20), some_rows(5, seed=5), SETTINGS, generator=generator())
    assert history.best_epoch == 3
    assert all(torch.equal(value, seen[3][name]) for name, value in model.state_dict().items())
    assert not torch.equal(seen[3]["decoder.output.weight"], seen[-1]["decoder.output.weight"])


def test_patience_counts_from_the_best_epoch(monkeypatch):
    bounds = iter([-3.0, -1.0] + [-2.0] * 100)
    monkeypatch.setattr(
        HeldoutJudge, "__call__", lambda self, v: (torch.tensor([next(bounds), 1.0, 1.0]), v)
    )
    settings = dataclasses.replace(SETTINGS, patience=7, max_epochs=90)
    history = fit_loop(network(), some_rows(20), some_rows(5), settings, generator=generator())
    assert len(history.elbo) == 2 + 7


def test_judging_twice_gives_the_same_word():
    model, judge = network(), None
    judge = HeldoutJudge(model, some_rows(5), SETTINGS, generator())
    first, _ = judge(torch.tensor(1.0))
    second, _ = judge(torch.tensor(1.0))
    assert torch.equal(first, second)


def test_judging_does_not_move_the_batch_norm():
    model = network()
    before = copy.deepcopy(model.state_dict())
    HeldoutJudge(model, some_rows(5), SETTINGS, generator())(torch.tensor(1.0))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_history_ends_where_the_weights_are():
    model, heldout = network(), some_rows(9, seed=5)
    history = fit_loop(model, some_rows(30), heldout, SETTINGS, generator=generator())
    assert not model.training
    # the judge's noise is the first thing that the generator gives
    judge = HeldoutJudge(model, heldout, SETTINGS, generator())
    bound, _ = judge(torch.tensor(1.0))
    assert bound[0].item() == max(history.heldout_elbo)


@pytest.mark.parametrize("sigma", [None, 0.7])
def test_training_improves_the_heldout_elbo(sigma):
    settings = dataclasses.replace(SETTINGS, sigma=sigma)
    history = fit_loop(
        network(), some_rows(60), some_rows(20, seed=5), settings, generator=generator()
    )
    assert max(history.heldout_elbo) > history.heldout_elbo[0] + 0.5


def test_sigma_follows_the_heldout_residuals():
    judge = HeldoutJudge(network(), some_rows(50), SETTINGS, generator())
    (_, error, _), variance = judge(torch.tensor(123.0))
    assert variance.item() == pytest.approx(error.item() / 6)


@pytest.mark.parametrize(("n", "size"), [(2, 256), (3, 2), (9, 4), (257, 256), (5, 2), (512, 256)])
def test_batches_hold_every_row_once_and_never_one_row(n, size):
    rows = Rows(torch.arange(n, dtype=torch.float32)[:, None])
    batches = shuffled_batches(rows, size, generator())
    assert sorted(torch.cat([b.values for b in batches]).flatten().tolist()) == list(range(n))
    assert min(len(batch) for batch in batches) >= 2
    assert max(len(batch) for batch in batches) <= max(size, 3)


def test_batches_keep_rows_and_conditions_together():
    column = torch.arange(9, dtype=torch.float32)[:, None]
    for batch in shuffled_batches(Rows(column, column), 4, generator()):
        assert torch.equal(batch.values, batch.condition)


@pytest.mark.filterwarnings("ignore")
def test_divergence_is_one_sentence():
    settings = dataclasses.replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(InputError, match=r"^VAE: the loss is not finite in epoch \d+; lower"):
        fit_loop(network(norm=None), some_rows(20), some_rows(5), settings, generator=generator())


def test_one_synchronisation_an_epoch(monkeypatch):
    calls = []
    plain = torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda self: calls.append(1) or plain(self))
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: pytest.fail("a hidden sync"))
    settings = dataclasses.replace(SETTINGS, batch_size=4, max_epochs=3)
    fit_loop(network(), some_rows(40), some_rows(5), settings, generator=generator())
    assert not calls


def test_history_records_in_the_order_of_its_fields():
    history = History()
    history.append([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert (history.elbo, history.kl, history.heldout_kl) == ([1.0], [3.0], [6.0])
    assert training.History() == History()
