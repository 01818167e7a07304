import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.generative._models import VAE, ConditionalVAE
from vaega.thesis.chapter3 import (
    GENERATORS,
    PROTOCOL_OF,
    STATEMENTS,
    TITLES,
    Network,
    RealRows,
    draw_synthetic,
)
from vaega.thesis.reproduction import PROTOCOLS

SMALL = Network("thesis_madelon", divisor=60, max_epochs=15)


@pytest.fixture
def two(two_clouds):
    X, y = two_clouds
    return RealRows(50.0 + 10.0 * X[::2], y[::2], 50.0 + 10.0 * X[1::2], y[1::2])


@pytest.fixture
def three(two_clouds):
    X, _ = two_clouds
    y = np.tile([0, 1, 2], 20)
    return RealRows(X[:30], y[:30], X[30:], y[30:])


def test_every_protocol_has_generators_and_a_statement():
    assert tuple(GENERATORS) == tuple(STATEMENTS) == PROTOCOLS
    assert set(TITLES) == set(PROTOCOL_OF)
    for protocol, statement in STATEMENTS.items():
        assert statement.startswith(f"Protocol {protocol}:")
    assert "has seen every row" in STATEMENTS["as-run"]


def test_the_network_has_the_sizes_of_the_thesis():
    model = Network("thesis_gcm").model(ConditionalVAE)
    assert (model.hidden, model.latent, model.max_epochs) == ((358, 189, 189), 35, 3613)
    assert Network("thesis_gcm", divisor=10, max_epochs=3).model(VAE).hidden == (35, 18, 18)


@pytest.mark.parametrize("name", TITLES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_are_as_many_as_asked_for_and_on_the_scale_of_the_data(name, n_classes, two, three):
    rows = two if n_classes == 2 else three
    X, y = draw_synthetic(name, rows, SMALL, 60, 0)
    assert X.shape == (60, 12)
    assert y.shape == (60,)
    assert set(np.unique(y)) <= set(range(n_classes))
    assert np.abs(X.mean(axis=0) - rows.X.mean(axis=0)).max() < 2.0 * rows.X.std()


@pytest.mark.parametrize("name", TITLES)
def test_the_same_seed_draws_the_same_rows(name, two):
    one, again, other = (draw_synthetic(name, two, SMALL, 20, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", TITLES)
def test_only_the_public_code_reads_the_rows_around(name, two):
    moved = RealRows(two.X, two.y, two.X_around + 30.0, two.y_around)
    same = np.array_equal(
        draw_synthetic(name, two, SMALL, 20, 0)[0], draw_synthetic(name, moved, SMALL, 20, 0)[0]
    )
    assert same == (name != "thesis_code")


def test_the_network_that_sees_classes_draws_as_many_of_each(three):
    for name in ("thesis_code", "thesis_text"):
        assert np.bincount(draw_synthetic(name, three, SMALL, 31, 0)[1]).tolist() == [11, 10, 10]


def test_an_unknown_generator_is_refused(two):
    with pytest.raises(InputError, match="generator must be one of"):
        draw_synthetic("gan", two, SMALL, 10, 0)
