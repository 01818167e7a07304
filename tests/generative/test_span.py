"""Training in the span of the rows: exact algebra, and the same for every column of a table."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from vaega import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative import _models
from vaega.generative._calibration import _network_density
from vaega.generative._compiled import CompiledTrainer
from vaega.generative._data import Scaling, TrainingData, within_class_variance
from vaega.generative._networks import VariationalNetwork, build_network, empty_network
from vaega.generative._span import Columns, Span, frame_of
from vaega.generative._state import FitReport, FittedState, NetworkCodec, StandardGaussians
from vaega.generative._training import Trainer

N, P = 24, 300


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(N, P, n_informative=20, n_redundant=200, n_classes=3, random_state=0)
    scaling = Scaling.fitted(X, owner="test")
    return TrainingData.of(X, y, scaling, labelled=True)


def settings_of(model):
    return model._check_settings()


@pytest.fixture(scope="module")
def span(table):
    return Span(table, settings_of(VAE(hidden=(12, 9), latent=3)))


def narrow_codec(span, model, seed=0):
    """A network of the span with random weights, as a codec."""
    settings = span.settings
    sizes = settings.network_sizes(span.data.n_features, 3)
    generator = torch.Generator().manual_seed(seed)
    network = build_network(generator, network=settings.network, **sizes)
    for part in network.parameters():
        part.data.add_(0.3 * torch.randn(part.shape, generator=generator))
    likelihood = settings.training.objective.likelihood
    return NetworkCodec(network.double().eval(), np.ones(3) / 3, model.sees_labels, likelihood)


def test_the_coordinates_give_the_rows_back(table, span):
    np.testing.assert_allclose(span.widen(span.data.values), table.values, atol=1e-5)
    np.testing.assert_allclose(np.square(span.data.values).mean(), 1.0, rtol=1e-5)
    assert span.data.n_features == N - 1  # standardised columns leave a rank of one less


def test_squares_of_columns_are_those_of_their_differences(span):
    differences = torch.from_numpy(np.random.default_rng(0).normal(size=(9, N - 1)))
    wide = span.widen(differences.numpy())
    total = span.squares(differences, None)
    np.testing.assert_allclose(span.of_squares(total), np.square(wide).sum(axis=0))


@pytest.mark.parametrize("codes", [np.arange(9) % 3, np.zeros(9, dtype=int), np.arange(9)])
def test_variances_of_columns_are_those_of_the_rows(span, codes):
    rows = np.random.default_rng(0).normal(size=(9, N - 1))
    expected = within_class_variance(span.widen(rows), codes)
    np.testing.assert_allclose(span.within_class_variance(rows, codes), expected)


@pytest.mark.parametrize(
    "model",
    [
        VAE(hidden=(12, 9), latent=3),
        VAE(hidden=(7,), latent=2, norm=None),
        ConditionalVAE(hidden=(12,), latent=3),
        HierarchicalVAE(hidden=(12,), latent=(3, 2)),
        Autoencoder(hidden=(12,), latent=3, norm="layer"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_wide_network_does_what_the_narrow_one_does(table, model):
    span = Span(table, settings_of(model))
    codec, codes = narrow_codec(span, model), table.codes
    wide, rows = span.wide_codec(codec), table.values.astype(float)
    coordinates = span.data.values.astype(float)
    for one, other in zip(
        codec.posterior(coordinates, codes), wide.posterior(rows, codes), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-4)
    generator = torch.Generator().manual_seed(1)  # not torch's state, which other tests move
    points = torch.randn(5, codec.latent, dtype=torch.float64, generator=generator)
    decoded = span.widen(codec.decode(points, codes[:5]))
    np.testing.assert_allclose(wide.decode(points, codes[:5]), decoded, atol=1e-6)


def test_densities_are_those_of_the_columns(table, span):
    codec, index = narrow_codec(span, VAE()), np.arange(4)
    sigma = np.random.default_rng(1).uniform(0.5, 1.5, P)
    scaling = Scaling(np.zeros(P), np.ones(P), np.ones(P, dtype=bool))
    gaussians = StandardGaussians(codec.latent)
    state = FittedState(codec, scaling, gaussians, sigma, sigma, np.zeros((3, P)))
    dense, rows, constant = span.with_density(state, codec, index)
    wide, wide_rows, nothing = Columns(table, span.settings).with_density(
        state, span.wide_codec(codec), index
    )
    narrow = _network_density(dense, rows, 0) + constant * len(rows)
    assert nothing == 0.0
    assert narrow == pytest.approx(_network_density(wide, wide_rows, 0), rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"likelihood": "laplace"},
        {"sigma": "feature"},
        {"output_norm": True},
    ],
)
def test_the_span_is_left_where_rotated_columns_say_something_else(table, changes):
    assert not isinstance(frame_of(table, settings_of(VAE(**changes))), Span)


def test_few_columns_and_missing_entries_are_trained_as_they_are(table):
    settings = settings_of(VAE())
    few = TrainingData(table.values[:, :10], table.codes, table.class_priors, None, True)
    missing = TrainingData(
        table.values, table.codes, table.class_priors, np.ones(table.values.shape, bool), True
    )
    assert isinstance(frame_of(table, settings), Span)
    assert not isinstance(frame_of(few, settings), Span)
    assert not isinstance(frame_of(missing, settings), Span)


def test_the_order_of_the_columns_does_not_matter(table):
    X = table.values.astype(float)
    order = np.random.default_rng(0).permutation(P)
    model = VAE(hidden=(12,), latent=3, max_epochs=30, random_state=0)
    one = model.fit(X, table.codes).sample({0: 5}, noise=False, random_state=0)[0]
    other = model.fit(X[:, order], table.codes).sample({0: 5}, noise=False, random_state=0)[0]
    np.testing.assert_allclose(one[:, order], other, atol=1e-2)


def test_no_row_that_is_not_fitted_reaches_a_fold(table):
    from vaega import GenerativeSampler
    from vaega.fitness import prepare_folds

    X, y = table.values.astype(float), table.codes
    fit, validate = np.arange(16), np.arange(16, N)
    sampler = GenerativeSampler(VAE(hidden=(6,), latent=2, max_epochs=3), n_per_class=4)

    def generated(rows):
        (fold,) = prepare_folds(rows, y, [(fit, validate)], sampler=sampler, seed=0)
        return fold.X_fit

    changed = X.copy()
    changed[validate] = 1e3 * np.random.default_rng(0).normal(size=changed[validate].shape)
    np.testing.assert_array_equal(generated(X), generated(changed))


def test_a_network_of_other_ends_is_trained_in_the_columns(table):
    class Logarithms(VariationalNetwork):
        linear_ends = False

        def encode(self, rows, condition=None):
            return super().encode(rows.abs().log1p(), condition)

    class OwnVAE(VAE):
        network_class = Logarithms

    assert not isinstance(frame_of(table, settings_of(OwnVAE())), Span)


def test_the_report_is_measured_when_it_is_asked_for(table, monkeypatch):
    asked = []
    measure = _models.measure_fit
    monkeypatch.setattr(_models, "measure_fit", lambda *a, **k: asked.append(1) or measure(*a, **k))
    model = VAE(hidden=(6,), latent=2, max_epochs=3, random_state=0)
    assert not hasattr(model, "report_")
    model.fit(table.values.astype(float), table.codes)
    assert not asked
    assert model.report_.n_coordinates == N - 1
    assert model.report_ is model.report_
    assert len(asked) == 1


def test_a_copy_has_the_report_and_no_rows(table):
    model = VAE(hidden=(6,), latent=2, max_epochs=3, random_state=0)
    other = copy.deepcopy(model.fit(table.values.astype(float), table.codes))
    assert isinstance(vars(other)["_report"], FitReport)
    assert other.report_ == model.report_


def test_copies_of_a_network_share_nothing():
    one, other = (empty_network(9, [4], 2) for _ in range(2))
    one.encoder.register_forward_hook(lambda *a: None)
    assert not other.encoder._forward_hooks
    assert not empty_network(9, [4], 2).encoder._forward_hooks
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert a.data_ptr() != b.data_ptr()


def test_both_ways_of_training_learn_the_same(table, monkeypatch):
    model = VAE(hidden=(32, 16), latent=4, max_epochs=150, random_state=0)
    fits = {}
    for name, compiled in (("kernels", True), ("torch", False)):
        monkeypatch.setattr("vaega.generative._models.can_compile", lambda *a, c=compiled: c)
        fits[name] = model.fit(table.values.astype(float), table.codes).report_
    assert fits["kernels"].heldout_elbo == pytest.approx(fits["torch"].heldout_elbo, rel=0.05)
    assert fits["kernels"].variance_ratio == pytest.approx(1.0, abs=0.1)


def test_trainers_are_compiled_where_they_can_be(table, monkeypatch):
    made = []
    for kind in (Trainer, CompiledTrainer):
        original = kind.__init__

        def spy(self, *arguments, kind=kind, original=original, **keywords):
            made.append(kind)
            original(self, *arguments, **keywords)

        monkeypatch.setattr(kind, "__init__", spy)
    rows = table.values.astype(float)
    small = {"hidden": (6,), "latent": 2, "max_epochs": 2, "random_state": 0}
    VAE(**small).fit(rows, table.codes)
    assert set(made) == {CompiledTrainer}
    made.clear()
    for changes in ({"norm": "layer"}, {"n_draws": 2}, {"batch_size": 8}, {"sigma": "shared"}):
        VAE(**small, **changes).fit(rows, table.codes)
    HierarchicalVAE(**small).fit(rows, table.codes)
    assert set(made) == {Trainer}
