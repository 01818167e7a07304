import copy
import dataclasses
from itertools import pairwise

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vaega.core.errors import InputError
from vaega.generative import _training as precision
from vaega.generative._networks import (
    LIKELIHOODS,
    Bernoulli,
    Gaussian,
    HierarchicalNetwork,
    Laplace,
    build_network,
)
from vaega.generative._state import one_torch_thread
from vaega.generative._training import (
    FEWEST_WEIGHTS,
    SMALLEST,
    Annealing,
    Batch,
    DecoderSigma,
    History,
    Trainer,
    TrainingObjective,
    TrainingSettings,
    autocast,
    fit_loop,
    gaussian_kl,
    kl_by_dimension,
    mini_batches,
    repeat_loop,
    resolve_precision,
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


@pytest.mark.parametrize(("n", "size"), [(2, 256), (3, 2), (9, 4), (257, 256), (5, 2), (512, 256)])
def test_batches_hold_every_row_once_and_never_one_row(n, size):
    rows = Batch(torch.arange(n, dtype=torch.float32)[:, None])
    batches = list(mini_batches(rows, size, generator()))
    assert sorted(torch.cat([b.values for b in batches]).flatten().tolist()) == list(range(n))
    assert min(len(batch) for batch in batches) >= 2
    assert max(len(batch) for batch in batches) <= max(size, 3)


def test_batches_of_one_where_they_are_allowed():
    batches = mini_batches(Batch(torch.zeros(3, 1)), 1, generator(), min_size=1)
    assert [len(batch) for batch in batches] == [1, 1, 1]


def test_batches_keep_what_belongs_to_a_row():
    column = torch.arange(9, dtype=torch.float32)[:, None]
    for batch in mini_batches(Batch(column, column, column, column[:, 0]), 4, generator()):
        assert torch.equal(batch.values, batch.condition)
        assert torch.equal(batch.values, batch.observed)
        assert torch.equal(batch.values[:, 0], batch.weight)


def test_chances_balance_the_classes():
    codes = torch.tensor([0] * 90 + [1] * 10)
    chances = 1.0 / torch.bincount(codes)[codes]
    batches = list(
        mini_batches(Batch(codes[:, None].float()), 25, generator(), row_weights=chances)
    )
    share = torch.cat([batch.values for batch in batches]).mean().item()
    assert sum(len(batch) for batch in batches) == 100
    assert 0.35 < share < 0.65


def test_chances_count_in_one_batch_too():
    rows, chances = Batch(torch.arange(4.0)[:, None]), torch.tensor([0.0, 0.0, 0.0, 1.0])
    (batch,) = mini_batches(rows, 10, generator(), row_weights=chances)
    assert batch.values.flatten().tolist() == [3.0] * 4


def test_repeated_rows():
    rows = Batch(torch.eye(2), weight=torch.tensor([1.0, 2.0]))
    assert rows.repeated(1) is rows
    assert rows.repeated(3).weight.tolist() == [1, 2, 1, 2, 1, 2]
    assert rows.repeated(2).total_weight() == 6.0


def test_entries_are_counted_as_they_are_summed():
    seen, weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([1.0, 3.0])
    rows = Batch(torch.zeros(2, 2), observed=seen, weight=weight)
    assert rows.count_entries(by_feature=False) == 7.0
    assert rows.count_entries(by_feature=True).tolist() == [4.0, 3.0]
    assert Batch(torch.zeros(2, 2)).count_entries(by_feature=False) == 4.0
    assert Batch(torch.zeros(2, 2)).count_entries(by_feature=True) == 2.0


ERROR = torch.tensor([1.0, 7.0])


def test_heldout_follows_what_it_is_told():
    spread = DecoderSigma("heldout", Gaussian(), ERROR)
    assert (spread.value.item(), spread.parameters) == (2.0, [])
    spread.follow(torch.tensor(9.0))
    assert spread.value.item() == 3.0
    spread.follow(torch.tensor(0.0))
    assert spread.value.item() == pytest.approx(SMALLEST)


@pytest.mark.parametrize(("rule", "shape"), [("shared", ()), ("feature", (2,))])
def test_learned_ones_are_parameters(rule, shape):
    spread = DecoderSigma(rule, Gaussian(), ERROR)
    (parameter,) = spread.parameters
    assert parameter.shape == spread.value.shape == shape
    spread.value.sum().backward()
    assert parameter.grad.abs().sum() > 0
    before = spread.value.detach().clone()
    spread.follow(torch.tensor(100.0))
    assert torch.equal(spread.value.detach(), before)
    spread.set(before * 2)
    torch.testing.assert_close(spread.value.detach(), before * 2)


def test_a_number_stays():
    spread = DecoderSigma(0.5, Gaussian(), ERROR)
    spread.follow(torch.tensor(100.0))
    assert spread.value.item() == 0.5


def test_a_family_without_sigma_learns_none():
    assert DecoderSigma("shared", Bernoulli(), ERROR).parameters == []


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_kl_is_that_of_torch_distributions():
    mean, log_variance = normal(5, 3), normal(5, 3, seed=1)
    posterior = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    prior = Independent(Normal(torch.zeros(5, 3), torch.ones(5, 3)), 1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), kl_divergence(posterior, prior))


def test_the_bound_is_log_density_minus_kl():
    rows, raw, mean, log_variance = normal(7, 4), normal(7, 4, seed=1), normal(7, 2), normal(7, 2)
    objective = TrainingObjective(Gaussian(), beta=2.0)
    parts = objective.terms(Batch(rows), raw, mean, log_variance, torch.tensor(0.6))
    density = Normal(raw, 0.6).log_prob(rows).sum()
    kl = gaussian_kl(mean, log_variance).sum()
    torch.testing.assert_close(parts.reconstruction, density)
    torch.testing.assert_close(objective.loss(parts, 7.0, 1.0), (2.0 * kl - density) / 7)
    torch.testing.assert_close(parts.kl.sum(), kl)


def test_a_sigma_a_feature():
    rows, raw, sigma = normal(7, 4), normal(7, 4, seed=1), torch.tensor([0.5, 1.0, 2.0, 3.0])
    zero = torch.zeros(7, 1)
    parts = TrainingObjective(Gaussian()).terms(Batch(rows), raw, zero, zero, sigma)
    torch.testing.assert_close(parts.reconstruction, Normal(raw, sigma).log_prob(rows).sum())
    assert parts.error.shape == (4,)


@pytest.mark.parametrize("sigma", [torch.tensor(0.6), torch.tensor([0.5, 1.0, 2.0, 3.0])])
@pytest.mark.parametrize("likelihood", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_missing_entries_and_weights_are_sums_over_the_rest(likelihood, sigma):
    rows, raw, zero = (normal(7, 4) > 0).float(), normal(7, 4, seed=1), torch.zeros(7, 1)
    seen, weight = (normal(7, 4, seed=2) > 0).float(), torch.arange(7.0)
    parts = TrainingObjective(likelihood).terms(
        Batch(rows, observed=seen, weight=weight), raw, zero, zero, sigma
    )
    entries = likelihood.log_density(rows, raw, sigma) * seen * weight[:, None]
    torch.testing.assert_close(parts.reconstruction, entries.sum())


def test_errors_are_summed_over_features_never_averaged():
    zero = torch.zeros(4, 1)
    for p in (3, 300):
        rows = Batch(torch.ones(4, p))
        parts = TrainingObjective(Gaussian()).terms(
            rows, torch.zeros(4, p), zero, zero, torch.tensor(1.0)
        )
        assert parts.error.item() == 4 * p


def test_free_bits_cost_nothing():
    objective = TrainingObjective(Gaussian(), free_bits=0.5)
    mean = torch.tensor([[0.1, 3.0], [0.1, 3.0]], requires_grad=True)
    parts = objective.terms(
        Batch(torch.zeros(2, 1)), torch.zeros(2, 1), mean, torch.zeros(2, 2), torch.tensor(1.0)
    )
    objective.loss(parts, 2.0, 1.0).backward()
    assert not mean.grad[:, 0].any()
    assert mean.grad[:, 1].all()


def test_gradient_of_the_reparameterisation_is_that_of_finite_differences():
    network = build_network(torch.Generator().manual_seed(0), 6, (8,), 2, norm=None).double()
    rows, noise = Batch(normal(5, 6).double()), normal(5, 2, seed=1).double()
    objective, sigma = TrainingObjective(Gaussian()), torch.tensor(0.7).double()
    weight = network.encoder.heads.weight

    def loss():
        outputs = network(rows.values, noise)
        return objective.loss(objective.terms(rows, *outputs, sigma), 5.0, 1.0)

    loss().backward()
    with torch.no_grad():
        for index in [(0, 0), (3, 5)]:  # of a mean and of a log-variance
            weight[index] += 1e-6
            above = loss()
            weight[index] -= 2e-6
            slope = (above - loss()) / 2e-6
            weight[index] += 1e-6
            assert slope.item() == pytest.approx(weight.grad[index].item(), rel=1e-4, abs=1e-6)


def test_kl_of_half_precision_is_computed_in_single():
    mean = torch.full((1, 1), 0.01, dtype=torch.bfloat16)
    assert kl_by_dimension(mean, torch.zeros_like(mean)).dtype == torch.float32
    assert kl_by_dimension(mean.double(), mean.double()).dtype == torch.float64


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


def test_figures_go_to_their_lists():
    history = History()
    history.append(elbo=1.0, kl=3.0, heldout_kl=6.0)
    assert (history.elbo, history.kl, history.heldout_kl) == ([1.0], [3.0], [6.0])
    assert history.sigma == []


def test_the_first_of_equally_good_epochs_is_the_best():
    history = History()
    for bound in (-2.0, -1.0, -1.0):
        history.append(heldout_elbo=bound)
    assert history.best_epoch == 1
    assert History() == History()


CPU = torch.device("cpu")


@pytest.mark.parametrize(("has", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_where_the_processor_has_it(monkeypatch, has, expected):
    monkeypatch.setattr(precision, "supports_bfloat16", lambda device: has)
    assert resolve_precision("auto", CPU, FEWEST_WEIGHTS, owner="VAE") == expected
    assert resolve_precision("auto", CPU, FEWEST_WEIGHTS - 1, owner="VAE") == torch.float32


def test_what_is_asked_for_is_taken():
    assert resolve_precision("bfloat16", CPU, 1, owner="VAE") == torch.bfloat16
    assert resolve_precision("float32", CPU, 10**9, owner="VAE") == torch.float32
    with pytest.raises(InputError, match=r"^VAE: precision must be .* got 'half'"):
        resolve_precision("half", CPU, 1, owner="VAE")


def test_products_keep_single_precision_weights():
    layer = torch.nn.Linear(3, 2)
    with autocast(torch.bfloat16, CPU):
        out = layer(torch.ones(1, 3))
    out.float().sum().backward()
    assert (out.dtype, layer.weight.grad.dtype) == (torch.bfloat16, torch.float32)
    with autocast(torch.float32, CPU):
        assert layer(torch.ones(1, 3)).dtype == torch.float32
