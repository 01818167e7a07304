import numpy as np
import pytest

from vaega.core.errors import ConfigError
from vaega.data._folds import Fold
from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import ArmConfig, ProtocolConfig
from vaega.experiments.open_protocols import make_open_fold, with_synthetic_rows
from vaega.experiments.protocols import OpenTrial

VAE = {"kind": "vae", "hidden": [6], "latent": 2, "max_epochs": 3}


@pytest.fixture
def trial(rng):
    X, y = rng.normal(size=(50, 5)) * 3.0 + 1.0, np.tile([0, 1], 25)
    return OpenTrial(X[:30], y[:30], X[30:], y[30:], seed=1, generator_seed=2)


def fold_of(trial, *, generator=VAE, amount=20, columns=None, **protocol):
    arm = ArmConfig() if generator is None else ArmConfig(generator=generator, amount=amount)
    return make_open_fold(
        trial,
        np.arange(5) if columns is None else columns,
        Preprocessor(["standardize"]),
        ProtocolConfig(**protocol),
        arm,
        n_classes=2,
        device="cpu",
        cache=None,
    )


def test_as_described_has_every_synthetic_row_in_the_fit_part(trial):
    fold = fold_of(trial, kind="as-described")
    assert len(fold.X_fit) == 30 + 20
    assert len(fold.X_validate) == len(fold.y_validate) == 20
    assert fold.n_real == 30


def test_as_run_puts_three_tenths_among_the_test_rows(trial):
    fold = fold_of(trial, kind="as-run", synthetic_test_share=0.3)
    assert len(fold.X_fit) == 30 + 14
    assert len(fold.X_validate) == 20 + 6
    np.testing.assert_array_equal(fold.y_fit[:30], trial.y)
    np.testing.assert_array_equal(fold.y_validate[:20], trial.y_test)


def test_real_rows_are_scaled_by_the_training_rows_alone(trial):
    for kind in ("as-run", "as-described"):
        fold = fold_of(trial, kind=kind)
        mean, sd = trial.X.mean(axis=0), trial.X.std(axis=0)
        np.testing.assert_allclose(fold.X_fit[:30], (trial.X - mean) / sd)
        np.testing.assert_allclose(fold.X_validate[:20], (trial.X_test - mean) / sd)


def test_exchanged_labels(trial):
    plain = fold_of(trial, kind="as-run")
    exchanged = fold_of(trial, kind="as-run", exchange_labels=True)
    np.testing.assert_array_equal(plain.X_fit, exchanged.X_fit)
    np.testing.assert_array_equal(plain.y_fit[30:], 1 - exchanged.y_fit[30:])


def test_as_described_never_sees_the_test_rows(trial):
    other = OpenTrial(
        trial.X, trial.y, trial.X_test + 100.0, trial.y_test, seed=1, generator_seed=2
    )
    np.testing.assert_array_equal(
        fold_of(trial, kind="as-described").X_fit, fold_of(other, kind="as-described").X_fit
    )
    assert (fold_of(trial, kind="as-run").X_fit != fold_of(other, kind="as-run").X_fit).any()


def test_the_generator_sees_the_columns_that_are_left(trial):
    fold = fold_of(trial, kind="as-run", columns=np.array([1, 3]))
    assert fold.X_fit.shape == (50, 2)


def test_the_public_code_has_no_other_generator(trial):
    with pytest.raises(ConfigError, match=r"generator\.kind must be vae or conditional_vae"):
        fold_of(trial, kind="as-run", generator={"kind": "ppca", "latent": 2})


@pytest.mark.parametrize(("n", "share", "in_test"), [(100, 0.3, 30), (7, 0.3, 2), (10, 0.0, 0)])
def test_shares_are_exact_and_spread_over_the_rows(n, share, in_test):
    X, y = np.zeros((2, 1)), np.array([0, 1])
    labels = np.arange(n)
    fold = with_synthetic_rows(
        Fold(X, y, X, y, columns=np.arange(1), n_real=2), np.ones((n, 1)), labels, test_share=share
    )
    assert len(fold.y_validate) == 2 + in_test
    assert sorted([*fold.y_fit[2:], *fold.y_validate[2:]]) == list(range(n))
    if in_test > 1:
        assert np.diff(fold.y_validate[2:]).max() <= np.ceil(1 / share)
