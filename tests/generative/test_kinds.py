"""What columns may hold, in any units, and that generated rows hold nothing else."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tests.generative.data import blobs
from vaega.core.errors import InputError
from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
from vaega.generative._data import class_means, within_class_variance
from vaega.generative._kinds import ColumnKinds, match_moments
from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from vaega.generative._samplers import SMOTE, Bootstrap, GaussianJitter, GenerativeSampler
from vaega.generative._storage import load_model, save_model

OFF = {"enforce_min_max_values": False, "enforce_rounding": False}
NETWORKS = [VAE, ConditionalVAE, HierarchicalVAE, Autoencoder]
CLOSED = [ProbabilisticPCA, ClassGaussian]


def learned(*columns, bounds="auto", rounding=True):
    return ColumnKinds.learned(np.transpose(columns), bounds=bounds, rounding=rounding)


def survey(n=60, seed=3):
    """Visits (counts), a sex of 0 and 1, a grade from 1 to 5, a dose in steps of 10, a weight."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    columns = {
        "visits": rng.poisson(1.0 + 2.0 * y),
        "sex": (rng.random(n) < np.where(y, 0.8, 0.2)).astype(int),
        "grade": rng.integers(1, 6, size=n),
        "dose": 10 * rng.integers(0, 30, size=n),
        "weight": rng.gamma(3.0, 10.0, size=n),
        "change": rng.normal(size=n),
        "share": rng.beta(2.0, 5.0, size=n),
    }
    return pd.DataFrame(columns), y


def quick(kind, **settings):
    if kind in CLOSED:
        return kind(random_state=0, **settings)
    return kind(**{"max_epochs": 30, "random_state": 0} | settings)


@pytest.mark.parametrize("kind", NETWORKS + CLOSED)
def test_rows_of_every_model_keep_their_kinds(kind):
    X, y = survey()
    rows, _ = quick(kind).fit(X, y).sample({0: 300, 1: 300}, random_state=1)
    visits, sex, grade, dose, weight, change, share = rows.T
    assert set(sex) == {0.0, 1.0}
    assert set(grade) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert visits.min() >= 0.0
    assert (visits == np.rint(visits)).all()
    assert dose.min() >= 0.0
    assert (dose % 10 == 0).all()
    assert weight.min() > 0.0
    assert share.min() > 0.0
    assert share.max() <= 1.0
    assert change.min() < 0.0
    assert (change != np.rint(change)).all()


@pytest.mark.parametrize("kind", [VAE, ConditionalVAE])
def test_moments_are_those_of_the_fit_rows_afterwards(kind):
    X, y = survey(200)
    model = quick(kind, max_epochs=200).fit(X, y)
    rows, labels = model.sample({0: 4000, 1: 4000}, random_state=1)
    spread = np.sqrt(within_class_variance(X.to_numpy(float), y))
    gap = (class_means(rows, labels) - class_means(X.to_numpy(float), y)) / spread
    assert np.abs(gap).max() < 0.12
    assert np.sqrt(within_class_variance(rows, labels)) / spread == pytest.approx(1.0, abs=0.12)
    assert model.report_.variance_ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("kind", CLOSED)
def test_closed_forms_have_the_moments_that_they_have_without(kind):
    X, y = survey(200)
    (rows, labels), (free, _) = (
        quick(kind, **settings).fit(X, y).sample({0: 4000, 1: 4000}, random_state=1)
        for settings in ({}, OFF)
    )
    spread = np.sqrt(within_class_variance(free, labels))
    assert class_means(rows, labels) / spread == pytest.approx(
        class_means(free, labels) / spread, abs=0.12
    )
    # But for the two values of sex, whose mean says how much they vary.
    ratio = np.sqrt(within_class_variance(rows, labels)) / spread
    assert np.delete(ratio, 1) == pytest.approx(1.0, abs=0.12)


def test_without_the_calibration_cut_rows_would_lie_elsewhere():
    X, y = survey(200)
    kept, free = ClassGaussian().fit(X, y), ClassGaussian(**OFF).fit(X, y)
    plain, labels = free.sample({0: 4000, 1: 4000}, random_state=1)
    cut = kept.state_.kinds.enforce(plain)
    rows, _ = kept.sample({0: 4000, 1: 4000}, random_state=1)
    real = X["visits"].to_numpy()[y == 0].mean()
    assert abs(rows[labels == 0, 0].mean() - real) < abs(cut[labels == 0, 0].mean() - real)


@pytest.mark.parametrize("kind", [VAE, ProbabilisticPCA])
def test_standardised_rows_lie_on_the_grid_that_was_scaled(kind):
    X, y = survey()
    mean, deviation = X.mean().to_numpy(), X.std().to_numpy()
    rows, _ = quick(kind).fit((X - mean) / deviation, y).sample({0: 200, 1: 200}, random_state=1)
    back = rows * deviation + mean
    np.testing.assert_allclose(back[:, :4], np.rint(back[:, :4]), atol=1e-9)
    assert set(np.rint(back[:, 1])) == {0.0, 1.0}
    assert back[:, 0].min() > -1e-9
    assert (back[:, 5] != np.rint(back[:, 5])).all()


@pytest.mark.parametrize("kind", [VAE, ClassGaussian])
def test_switched_off_rows_are_what_they_were(kind):
    X, y = survey()
    rows, _ = quick(kind, **OFF).fit(X, y).sample({0: 200, 1: 200}, random_state=1)
    assert rows[:, 0].min() < 0.0
    assert len(np.unique(rows[:, 1])) == 400


@pytest.mark.parametrize("kind", [VAE, ClassGaussian, ProbabilisticPCA])
def test_columns_without_a_kind_keep_their_bits(kind):
    X, y = blobs(60)
    X -= X.mean(axis=0)
    kept, free = quick(kind).fit(X, y), quick(kind, **OFF).fit(X, y)
    np.testing.assert_array_equal(kept.sample(50, random_state=2), free.sample(50, random_state=2))
    assert kept.state_.kinds is None


@pytest.mark.parametrize("kind", [VAE, ProbabilisticPCA])
def test_least_and_greatest_values_are_kept_when_asked_for(kind):
    X, y = blobs(60)
    model = quick(kind, enforce_min_max_values=True).fit(X, y)
    rows = model.sample(500, random_state=0)
    assert (rows >= X.min(axis=0)).all()
    assert (rows <= X.max(axis=0)).all()
    assert model.report_.variance_ratio == pytest.approx(1.0, abs=0.1)


def test_some_columns_are_those_of_all():
    X, y = survey()
    model = quick(ClassGaussian).fit(X, y)
    some = model.sample({0: 200, 1: 200}, features=[3, 1], random_state=1)[0]
    assert set(some[:, 1]) == {0.0, 1.0}
    assert (some[:, 0] % 10 == 0).all()
    assert model.sample({0: 5}, features=[], random_state=1)[0].shape == (5, 0)


@pytest.mark.parametrize("how", [{"noise": False}, {"source": "prior"}, {"source": "rows"}])
def test_however_rows_are_drawn(how):
    X, y = survey()
    if how.get("source") == "rows":
        how = how | {"rows": X, "labels": y}
    model = quick(ConditionalVAE).fit(X, y)
    rows, _ = model.sample({0: 100, 1: 100}, random_state=1, **how)
    assert set(rows[:, 1]) <= {0.0, 1.0}
    assert rows[:, 0].min() >= 0.0


def test_more_columns_than_rows_and_gaps():
    rng = np.random.default_rng(0)
    X, y = rng.poisson(0.7, size=(30, 200)).astype(float), np.arange(30) % 3
    for rows in (X, np.where(rng.random(X.shape) < 0.2, np.nan, X)):
        new = quick(VAE).fit(rows, y).sample({0: 50, 1: 50, 2: 50}, random_state=0)[0]
        assert new.min() >= 0.0
        assert (new == np.rint(new)).all()


def test_stored_models_keep_them(tmp_path):
    X, y = survey()
    for model in (quick(VAE).fit(X, y), quick(ClassGaussian, **OFF).fit(X, y)):
        save_model(model, tmp_path / "model")
        back = load_model(tmp_path / "model")
        np.testing.assert_array_equal(
            back.sample({0: 40}, random_state=0)[0], model.sample({0: 40}, random_state=0)[0]
        )


@pytest.mark.parametrize("setting", [{"enforce_min_max_values": 1}, {"enforce_rounding": "yes"}])
@pytest.mark.parametrize("kind", [VAE, ProbabilisticPCA, GaussianJitter, GenerativeSampler])
def test_bad_settings_are_named(kind, setting):
    X, y = blobs(20)
    model = kind(**setting)
    (name,) = setting
    with pytest.raises(InputError, match=f"^{kind.__name__}: {name} must be"):
        model.fit(X, y)


class Shifted:
    """A model of somebody else: the rows of a class with a little noise."""

    def get_params(self, deep=True):
        return {}

    def set_params(self, **params):
        return self

    def fit(self, X, y):
        self.X, self.y = X, y
        return self

    def sample(self, counts, *, noise, random_state):
        rng = np.random.default_rng(random_state)
        labels = np.repeat(list(counts), list(counts.values()))
        rows = [rng.choice(self.X[self.y == label]) for label in labels]
        return np.array(rows) + rng.normal(size=(len(labels), self.X.shape[1])), labels


SAMPLERS = [
    GaussianJitter(share=1.0, n_per_class=50, random_state=0),
    SMOTE(n_per_class=50, random_state=0),
    Bootstrap(n_per_class=50, random_state=0),
    GenerativeSampler(ClassGaussian(), n_per_class=50, random_state=0),
    GenerativeSampler(Shifted(), n_per_class=50, random_state=0),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: repr(sampler)[:30])
def test_every_sampler_keeps_kinds_and_dtypes(sampler):
    X, y = survey()
    new, _ = sampler.fit_resample(X, y)
    assert new.dtypes.tolist() == X.dtypes.tolist()
    assert new["visits"].min() >= 0
    assert set(new["sex"]) == {0, 1}
    assert set(new["grade"]) <= {1, 2, 3, 4, 5}
    assert (new["dose"] % 10 == 0).all()


@pytest.mark.parametrize("sampler", [SAMPLERS[0], SAMPLERS[1], SAMPLERS[3], SAMPLERS[4]])
def test_samplers_can_be_told_not_to(sampler):
    X, y = survey()
    free = type(sampler)(**sampler.get_params(deep=False) | OFF)
    new, _ = free.fit_resample(X, y)
    assert new.dtypes["visits"] == np.float64
    assert (new["visits"] != np.rint(new["visits"])).any()


def test_a_model_says_for_its_sampler_unless_that_says_otherwise():
    X, y = survey()
    model = ClassGaussian(**OFF)
    plain = GenerativeSampler(model, n_per_class=50, random_state=0).fit_resample(X, y)[0]
    assert plain["visits"].min() < 0
    kept = GenerativeSampler(
        model,
        n_per_class=50,
        random_state=0,
        enforce_min_max_values="auto",
        enforce_rounding=True,
    ).fit_resample(X, y)[0]
    assert kept["visits"].min() >= 0


def test_whole_numbers_fit_into_the_dtype_that_came():
    rng = np.random.default_rng(0)
    X, y = rng.choice([0, 100, 255, 250], size=(40, 5)).astype(np.uint8), np.arange(40) % 2
    for rows in (X, sparse.csr_matrix(X)):
        new, _ = GaussianJitter(2.0, n_per_class=100, random_state=0).fit_resample(rows, y)
        assert new.dtype == np.uint8
        assert new.shape == (240, 5)
    frame = pd.DataFrame({"a": [True, False] * 20, "b": pd.array([1, 2] * 20, "Int64")})
    new, _ = GaussianJitter(n_per_class=10, random_state=0).fit_resample(frame, y)
    assert new.dtypes.tolist() == frame.dtypes.tolist()


@pytest.mark.parametrize(
    ("column", "step", "low", "high"),
    [
        ([0, 1, 0, 1, 1], 1, 0, 1),
        ([-1, 1, 1, -1, -1], 2, -1, 1),
        ([3, 90, 40, 61, 7], 1, 0, np.inf),  # counts: no natural end above
        ([0, 20, 40, 500, 60], 20, 0, np.inf),
        ([-3, 20, 40, 7, 60], 1, -np.inf, np.inf),
        ([-3, -20, -40, -7, -60], 1, -np.inf, 0),
        ([2.5, 1.25, 8.1, 2.3, 4.1], 0, 0.625, np.inf),
        ([0.0, 1.25, 8.1, 2.3, 4.1], 0, 0, np.inf),
        ([-0.5, -1.25, -8.1, -2.3, -4.1], 0, -np.inf, -0.25),
        ([0.5, 0.25, 0.81, 0.23, 0.41], 0, 0.115, 1),
        ([0.1, 0.2, 0.1, 0.2, 0.1], 0.1, 0.1, 0.2),
        ([0.1, 0.7, 0.1, 0.1, 0.1], 0, 0.05, 1),  # seen once: no second level
        ([1.5, -1.5, 2.3, 0.1, -7.7], 0, -np.inf, np.inf),
        ([4, 4, 4, 4, 4], 0, 2, np.inf),
        ([np.nan, 1, 0, np.nan, 1], 1, 0, 1),
        ([np.nan] * 5, 0, -np.inf, np.inf),
        ([1e300, 2e300, 5e300, 1e299, 0.0], 0, 0, np.inf),
    ],
)
def test_kinds_of_a_column(column, step, low, high):
    kinds = learned(column, [0, 1, 0, 1, 0])  # the second, so that there is one in any case
    got = [kinds.step[0], kinds.low[0], kinds.high[0]]
    assert got == pytest.approx([step, low, high])


def test_bounds_that_were_seen_and_none():
    column = [2.5, 1.25, 8.1, 2.3, 4.1]
    seen = learned(column, bounds=True)
    assert (seen.low[0], seen.high[0]) == (1.25, 8.1)
    assert learned(column, bounds=False) is None
    assert learned([1, 2, 1, 2, 7], bounds=False, rounding=False) is None
    grid = learned([0, 1, 4, 2, 9], bounds=False)
    assert grid.enforce(np.array([[-3.4], [1.6], [77.2]])).ravel().tolist() == [-3.0, 2.0, 77.0]


def test_grids_are_found_in_other_units_and_in_single_precision():
    counts = np.random.default_rng(0).poisson(4, size=60).astype(float)
    for scaled in ((counts - 3.7) / 1.9, ((counts - 3.7) / 1.9).astype(np.float32)):
        kinds = learned(scaled.astype(float), scaled.astype(float))
        assert kinds.step[0] == pytest.approx(1 / 1.9, rel=1e-4)
        np.testing.assert_allclose(kinds.enforce(np.c_[scaled, scaled])[:, 0], scaled, atol=1e-5)


def test_continuous_columns_are_on_no_grid():
    X = np.random.default_rng(0).normal(size=(38, 3000))
    assert ColumnKinds.learned(X, bounds="auto", rounding=True) is None
    log_counts = np.log1p(np.random.default_rng(0).poisson(3, size=(40, 1)).astype(float))
    assert ColumnKinds.learned(log_counts, bounds="auto", rounding=True).step[0] == 0.0


def test_where_nothing_is_cut_nothing_changes():
    rng = np.random.default_rng(0)
    decoded, codes = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    wide = ColumnKinds(np.full(3, -50.0), np.full(3, 50.0), np.zeros(3), np.zeros(3))
    noise, moves = match_moments(wide, decoded, codes, np.full(3, 0.4), rng.normal(size=(40, 3)))
    assert noise == pytest.approx(np.full(3, 0.4))
    assert moves == pytest.approx(np.zeros((2, 3)))


def test_cut_rows_get_their_moments_back():
    rng = np.random.default_rng(0)
    codes, unit = np.repeat([0, 1], 400), rng.normal(size=(800, 2))
    decoded = np.where(codes[:, None], 1.5, 0.4) + 0.1 * rng.normal(size=(800, 2))
    counts = ColumnKinds(np.zeros(2), np.full(2, np.inf), np.zeros(2), np.array([1.0, 0.0]))
    noise, moves = match_moments(counts, decoded, codes, np.full(2, 0.8), unit)
    rows = counts.enforce(decoded + moves[codes] + noise * unit)
    free = decoded + 0.8 * unit
    assert class_means(rows, codes) == pytest.approx(class_means(free, codes), abs=0.08)
    ratio = within_class_variance(rows, codes) / within_class_variance(free, codes)
    assert ratio == pytest.approx(1.0, abs=0.12)
