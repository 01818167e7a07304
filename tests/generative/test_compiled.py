"""The compiled training steps: those of torch, with the same bits in any company."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed

from vaega import VAE
from vaega.generative._compiled import CompiledTrainer, can_compile
from vaega.generative._networks import (
    DeterministicNetwork,
    Gaussian,
    VariationalNetwork,
    build_network,
)
from vaega.generative._training import (
    Batch,
    Trainer,
    TrainingObjective,
    TrainingSettings,
)

SIZES = [
    {"hidden": (64, 32), "latent": 8},
    {"hidden": (20,), "latent": 5, "norm": None},
    {"hidden": (17, 20), "latent": 3, "n_conditions": 3},
    {"hidden": (9,), "latent": 2, "network": DeterministicNetwork},
]


def pair(sizes, *, weight=1.0, n=30, p=37, free_bits=0.0, sigma=0.8):
    """A trainer of torch and a compiled one, of equal networks and rows."""
    kind = sizes.get("network", VariationalNetwork)
    settings = TrainingSettings(
        TrainingObjective(Gaussian(weight), float(kind.stochastic), free_bits), sigma=sigma
    )
    rng = np.random.default_rng(0)
    classes = sizes.get("n_conditions", 0)
    labels = rng.integers(0, max(classes, 1), n)
    condition = torch.from_numpy(np.eye(classes, dtype=np.float32)[labels]) if classes else None
    rows = Batch(torch.from_numpy(rng.standard_normal((n, p)).astype(np.float32)), condition)
    made = []
    for trainer in (Trainer, CompiledTrainer):
        network = build_network(torch.Generator().manual_seed(0), p, **sizes)
        steps = torch.Generator().manual_seed(1)
        made.append(trainer(network, rows, rows.take(slice(0, 9)), settings, steps))
    return made


def run(trainer, noise):
    """Train one epoch with this noise, whatever the trainer would draw; return its figures."""
    if isinstance(trainer, CompiledTrainer):
        trainer._noise = noise[None].repeat(32, axis=0)
        trainer._draw_noise = lambda n_epochs, n_rows: trainer._noise
        trainer.run_epoch(kl_share=0.5)
        return trainer._figures[:4]
    trainer._noise = lambda n: torch.from_numpy(noise)
    return trainer.run_epoch(kl_share=0.5).numpy()


def gradients(trainer):
    """The gradient of the last step by the name of the weights."""
    names = {id(part): name for name, part in trainer.network.named_parameters()}
    if isinstance(trainer, Trainer):
        return {name: part.grad for name, part in trainer.network.named_parameters()}
    compiled, found = trainer._compiled, {}
    compiled.weights[: compiled.n_learned] = compiled.moments[2]
    for view, index, tensor in compiled._tensors():
        if id(tensor) in names:
            found[names[id(tensor)]] = torch.from_numpy(view[index])
    return found


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("changes", [{}, {"weight": 190.0}, {"free_bits": 0.2}])
def test_gradients_are_those_of_torch(sizes, changes):
    torch_way, compiled = pair(sizes, **changes)
    shape = 30, sizes["latent"]
    noise = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    noise *= compiled.network.stochastic
    np.testing.assert_allclose(run(compiled, noise), run(torch_way, noise), rtol=1e-4, atol=1e-5)
    expected, got = gradients(torch_way), gradients(compiled)
    assert set(expected) == set(got)
    # Behind a norm a bias is lost: its gradient is the rounding of sums as large as the others'.
    size = max(float(slope.abs().max()) for slope in expected.values())
    for name, slope in expected.items():
        np.testing.assert_allclose(got[name] / size, slope / size, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("weight", [1.0, 190.0])
def test_steps_are_those_of_torch(weight):
    # Without a norm: behind one a bias has a gradient of rounding errors alone, which Adam levels.
    sizes = {"hidden": (20,), "latent": 5, "norm": None, "n_conditions": 2}
    ways = pair(sizes, weight=weight)
    rng = np.random.default_rng(2)
    for _ in range(5):
        noise = rng.standard_normal((30, 5)).astype(np.float32)
        for way in ways:
            run(way, noise)
    ways[1]._compiled.store()
    for one, other in zip(*(way.network.parameters() for way in ways), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=2e-4)


def test_the_class_is_seen_at_the_plain_rate():
    (_, compiled), n_values = pair(SIZES[2], weight=100.0), 37
    before = compiled.network.first_layer.weight.detach().clone()
    run(compiled, np.zeros((30, 3), dtype=np.float32))
    compiled._compiled.store()
    moved = (compiled.network.first_layer.weight.detach() - before).abs()
    assert moved[:, :n_values].max() == pytest.approx(1e-2, rel=0.1)  # Adam's first step
    assert moved[:, n_values:].max() == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize("sizes", SIZES)
def test_validation_is_that_of_torch(sizes):
    torch_way, compiled = pair(sizes, sigma="heldout")
    torch_way.heldout_noise = torch.from_numpy(compiled._heldout_noise)
    torch_way.network.eval()
    expected = torch_way.validate()
    compiled._validate()
    np.testing.assert_allclose(compiled._figures[4:], expected[1:3].numpy(), rtol=1e-4, atol=1e-4)


def test_a_network_starts_and_ends_as_torch_has_it():
    _, compiled = pair(SIZES[2])
    before = {name: value.clone() for name, value in compiled.network.state_dict().items()}
    compiled._compiled.store()
    for name, value in compiled.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_fit_has_the_same_bits_beside_others():
    rng = np.random.default_rng(0)
    tables = [(rng.normal(size=(n, 90)), np.arange(n) % 2) for n in (20, 31, 26, 40)]

    def fit(X, y):
        model = VAE(hidden=(24, 12), latent=4, max_epochs=40, random_state=0).fit(X, y)
        return model.sample({0: 3, 1: 3}, random_state=0)[0]

    alone = [fit(*table) for table in tables]
    together = Parallel(4, prefer="threads")(delayed(fit)(*table) for table in tables)
    for one, other in zip(alone, together, strict=True):
        assert (one == other).all()


def test_large_networks_and_other_settings_are_left_to_torch():
    trainer, _ = pair(SIZES[0])
    network, rows, settings = trainer.network, trainer.training, trainer.settings
    assert can_compile(settings, network, rows)
    wide = build_network(torch.Generator().manual_seed(0), 37, (900, 900), 4)
    assert not can_compile(settings, wide, rows)
    layered = build_network(torch.Generator().manual_seed(0), 37, (9,), 4, norm="layer")
    assert not can_compile(settings, layered, rows)
    weighted = Batch(rows.values, weight=torch.ones(30))
    assert not can_compile(settings, network, weighted)


def test_networks_side_by_side_go_one_way():
    # Trainings of three and four rows, one of which makes a batch.
    X = np.random.default_rng(0).normal(size=(5, 9))
    settings = {"hidden": (4,), "latent": 2, "batch_size": 3, "validation": "crossfit"}
    VAE(**settings, validation_fraction=0.4, max_epochs=3, random_state=0).fit(X)
