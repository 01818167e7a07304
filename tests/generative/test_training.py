import copy
import dataclasses

import pytest
import torch

from vaega.core.errors import InputError
from vaega.generative._networks import Gaussian, HierarchicalNetwork, Laplace, build_network
from vaega.generative._state import one_torch_thread
from vaega.generative._training import (
    Annealing,
    Batch,
    History,
    Trainer,
    TrainingObjective,
    TrainingSettings,
    fit_loop,
    repeat_loop,
)

SETTINGS = TrainingSettings(
    TrainingObjective(Gaussian()), learning_rate=1e-2, max_epochs=30, patience=30
)


@pytest.fixture(autouse=True)
def _as_estimators_run_it():
    with one_torch_thread():
        yield


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def some_rows(n, p=6, seed=0):
    factors = torch.randn(n, 2, generator=generator(seed))
    mixing = torch.randn(2, p, generator=generator(99))
    return Batch(factors @ mixing + 0.3 * torch.randn(n, p, generator=generator(seed + 1)))


def network(p=6, norm="batch", **settings):
    return build_network(generator(), p, (8,), 2, norm=norm, **settings)


def trainer(settings=SETTINGS, training=None, heldout="some", net=None, **keywords):
    heldout = some_rows(9, seed=5) if isinstance(heldout, str) else heldout
    training = some_rows(30) if training is None else training
    return Trainer(net or network(), training, heldout, settings, generator(), **keywords)


def changed(**values):
    return dataclasses.replace(SETTINGS, **values)


def with_validations(monkeypatch, bounds):
    monkeypatch.setattr(
        Trainer, "validate", lambda self: torch.tensor([next(bounds), 1.0, 0.0, 1.0])
    )


def test_the_kl_is_on_and_moves_the_weights():
    def heads_after(beta):
        one = trainer(changed(objective=TrainingObjective(Gaussian(), beta=beta)))
        one.train_step(one.training, kl_share=1.0)
        return one.network.encoder.heads.weight

    assert not torch.equal(heads_after(1.0), heads_after(1e-9))


def test_the_share_of_the_kl_reaches_the_weights():
    def heads_after(share):
        one = trainer()
        one.train_step(one.training, kl_share=share)
        return one.network.encoder.heads.weight

    assert not torch.equal(heads_after(1.0), heads_after(1e-9))


def test_best_weights_are_a_copy(monkeypatch):
    bounds = iter([-5.0, -4.0, -3.0, -1.0] + [-9.0] * 100)
    with_validations(monkeypatch, bounds)
    seen, one = [], trainer(changed(sigma=1.0))

    def remember(epoch, history):
        seen.append(copy.deepcopy(one.network.state_dict()))

    history = fit_loop([one], remember)
    assert history.best_epoch == 3
    state = one.network.state_dict()
    assert all(torch.equal(value, seen[3][name]) for name, value in state.items())
    assert not torch.equal(seen[3]["decoder.output.weight"], seen[-1]["decoder.output.weight"])


def test_patience_counts_from_the_best_epoch(monkeypatch):
    with_validations(monkeypatch, iter([-3.0, -1.0] + [-2.0] * 100))
    history = fit_loop([trainer(changed(sigma=1.0, patience=7, max_epochs=90))])
    assert len(history.elbo) == 2 + 7


def test_patience_waits_for_the_annealing(monkeypatch):
    with_validations(monkeypatch, iter([-1.0] + [-2.0] * 100))
    settings = changed(sigma=1.0, patience=3, max_epochs=90, annealing=Annealing("linear", 20))
    assert len(fit_loop([trainer(settings)]).elbo) == 21


def test_validating_twice_gives_the_same_and_moves_nothing():
    one = trainer()
    before = copy.deepcopy(one.network.state_dict())
    assert torch.equal(one.validate(), one.validate())
    assert all(torch.equal(v, before[name]) for name, v in one.network.state_dict().items())


def test_history_ends_where_the_weights_are():
    one = trainer(changed(sigma=0.8))
    history = fit_loop([one])
    assert not one.network.training
    reconstruction, _, kl, weight = one.validate().tolist()
    assert (reconstruction - kl) / weight == pytest.approx(max(history.heldout_elbo), rel=1e-6)


@pytest.mark.parametrize("sigma", ["heldout", "shared", "feature", 0.7])
@pytest.mark.parametrize("family", [Gaussian(), Laplace()])
def test_training_improves_the_heldout_elbo(sigma, family):
    settings = changed(sigma=sigma, objective=TrainingObjective(family), max_epochs=150)
    one = trainer(settings, some_rows(60), some_rows(20, seed=5))
    history = fit_loop([one])
    assert max(history.heldout_elbo) > history.heldout_elbo[0] + 0.05


def test_training_of_a_hierarchy_improves_the_heldout_elbo():
    net = build_network(generator(), 6, (8,), (3, 2), network=HierarchicalNetwork)
    history = fit_loop(
        [trainer(changed(max_epochs=150), some_rows(60), some_rows(20, seed=5), net=net)]
    )
    assert max(history.heldout_elbo) > history.heldout_elbo[0] + 0.05


def test_sigma_follows_the_heldout_errors():
    one = trainer(heldout=some_rows(50))
    history = fit_loop([one])
    expected = [(error / 6) ** 0.5 for error in history.heldout_error]
    assert history.sigma == pytest.approx(expected, rel=1e-5)


def test_sigma_of_a_feature_is_learned():
    rows = some_rows(200)
    loud = Batch(rows.values * torch.tensor([1.0, 1, 1, 1, 1, 5]))
    one = trainer(changed(sigma="feature", max_epochs=300), loud, loud)
    fit_loop([one])
    spread = one.sigma.value
    assert spread.shape == (6,)
    assert spread[5] > 1.5 * spread[:5].max()
    assert spread[:5].max() > 2 * spread[:5].min()


def test_a_fixed_sigma_stays():
    one = trainer(changed(sigma=0.7))
    history = fit_loop([one])
    assert one.sigma.value.item() == pytest.approx(0.7)
    assert history.sigma == pytest.approx([0.7] * 30)


def test_trainers_in_step_share_what_they_hold_out():
    both = [
        trainer(training=some_rows(30, seed=seed), heldout=some_rows(9, seed=seed + 5))
        for seed in (0, 20)
    ]
    history = fit_loop(both)
    assert torch.equal(both[0].sigma.value, both[1].sigma.value)
    validations = torch.stack([one.validate() for one in both]).sum(dim=0)
    assert max(history.heldout_elbo) == pytest.approx(
        ((validations[0] - validations[2]) / validations[3]).item(), rel=1e-5
    )


def test_repeating_trains_as_long_as_the_best_epoch(monkeypatch):
    history = History()
    for epoch, bound in enumerate([-3.0, -2.0, -1.0, -5.0]):
        history.append(heldout_elbo=bound, sigma=0.5 + epoch)
    shares, plain = [], Trainer.run_epoch
    monkeypatch.setattr(
        Trainer,
        "run_epoch",
        lambda self, *, kl_share: shares.append(kl_share) or plain(self, kl_share=kl_share),
    )
    one = trainer(changed(annealing=Annealing("linear", 4)), heldout=None)
    repeat_loop(one, history)
    assert shares == [0.25, 0.5, 0.75]
    assert one.sigma.value.item() == pytest.approx(2.5)


def test_equal_seeds_give_equal_bits():
    one, two = trainer(), trainer()
    assert fit_loop([one]) == fit_loop([two])
    weights = (net.network.state_dict().values() for net in (one, two))
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_missing_entries_teach_nothing():
    rows = some_rows(30)
    seen = (torch.rand(30, 6, generator=generator(3)) < 0.7).float()
    ways = [
        Batch(torch.where(seen > 0, rows.values, torch.tensor(value)), observed=seen)
        for value in (0.0, 50.0)
    ]
    blind = [Batch(way.values * seen, observed=seen) for way in ways]
    first, second = (trainer(training=way, heldout=way) for way in blind)
    assert fit_loop([first]) == fit_loop([second])
    errors = [fit_loop([trainer(training=way, heldout=way)]).error[0] for way in ways]
    assert errors[1] < 50  # the entry of 50 is seen by the encoder, but costs nothing


def test_weights_of_rows_count():
    rows = some_rows(30)
    heavy = Batch(rows.values, weight=torch.tensor([0.0] * 15 + [2.0] * 15))
    half = Batch(rows.values[15:])
    full, part = (
        trainer(training=way, heldout=way, net=network(norm=None)) for way in (heavy, half)
    )
    assert full.validate()[3] == 2 * part.validate()[3]


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_is_not_finite_is_one_sentence():
    one = trainer(changed(learning_rate=1e30), net=network(norm=None))
    with pytest.raises(InputError, match=r"^VAE: the loss is not finite in epoch \d+; lower"):
        fit_loop([one])


def test_one_synchronisation_an_epoch(monkeypatch):
    calls = []
    plain = torch.Tensor.item
    one = trainer(changed(batch_size=4, max_epochs=3), some_rows(40))
    monkeypatch.setattr(torch.Tensor, "item", lambda self: calls.append(1) or plain(self))
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: pytest.fail("a hidden sync"))
    fit_loop([one])
    assert not calls


def test_a_callback_sees_each_epoch_and_may_end_it():
    seen = []
    history = fit_loop(
        [trainer()], lambda epoch, so_far: seen.append(len(so_far.elbo)) or epoch == 4
    )
    assert seen == [1, 2, 3, 4, 5]
    assert len(history.elbo) == 5


def test_more_draws_a_row_make_quieter_steps():
    def spread_of(n_draws):
        one = trainer(changed(n_draws=n_draws))
        losses = torch.stack(
            [
                one.settings.objective.terms(
                    rows, *one.network(rows.values, one._noise(len(rows))), one.sigma.value
                ).error
                / n_draws
                for rows in [one.training.repeated(n_draws)] * 40
            ]
        )
        return losses.std().item()

    assert spread_of(16) < 0.5 * spread_of(1)


@pytest.mark.parametrize("norm", ["layer", None])
def test_batches_of_one_work_without_batch_norm(norm):
    one = trainer(changed(batch_size=1, max_epochs=2), some_rows(5), net=network(norm=norm))
    assert len(fit_loop([one]).elbo) == 2


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_losses_are_single_precision_whatever_the_products(precision):
    one = trainer(changed(dtype=precision))
    sums, mean = one.train_step(one.training, kl_share=1.0)
    assert sums.dtype == mean.dtype == one.validate().dtype == torch.float32
    assert all(part.dtype == torch.float32 for part in one.network.parameters())


def test_bfloat16_learns_what_float32_does():
    best = [
        max(fit_loop([trainer(changed(dtype=dtype), some_rows(60))]).heldout_elbo)
        for dtype in (torch.float32, torch.bfloat16)
    ]
    assert best[1] == pytest.approx(best[0], abs=0.3)
