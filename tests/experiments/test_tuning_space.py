import pytest

from vaega.core.errors import ConfigError
from vaega.experiments.config import GeneratorConfig, RangeConfig, TuneConfig
from vaega.experiments.registry import KINDS
from vaega.experiments.tuning import DEFAULT_SPACES, Dimension, make_space

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize("kind", DEFAULT_SPACES)
def test_default_spaces_are_allowed_by_their_generators(kind):
    space = make_space(GeneratorConfig(kind=kind), None)
    assert space.size() > 1
    assert len(list(space.grid())) == space.size()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(DEFAULT_SPACES)))
def test_a_kind_without_default_says_what_can_be_named(kind):
    with pytest.raises(ConfigError, match=f"tune.space: generator {kind} has no default, name"):
        make_space(GeneratorConfig(kind=kind), None)


@pytest.mark.parametrize(
    ("values", "points"),
    [
        (RangeConfig(low=1, high=9), [1, 5, 9]),
        (RangeConfig(low=1, high=2), [1, 2]),
        (RangeConfig(low=0.0, high=1.0, points=2), [0.0, 1.0]),
        (RangeConfig(low=1e-4, high=1e-2, log=True), pytest.approx([1e-4, 1e-3, 1e-2])),
        ((3, "auto"), [3, "auto"]),
    ],
)
def test_points_of_a_grid(values, points):
    assert Dimension("key", values).points() == points


def test_values_drawn_are_values_allowed():
    given = {
        "hidden": ((8,), (8, 4)),
        "latent": RangeConfig(low=2, high=9, log=True),
        "beta": RangeConfig(low=0.5, high=1.0),
        "norm": ("batch", None),
    }
    space = make_space(GeneratorConfig(kind="vae"), given)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for grid in (False, True):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        drawn = [space.suggest(study.ask(), grid=grid) for _ in range(20)]
        assert {type(params["latent"]) for params in drawn} == {int}
        assert {str(params["hidden"]) for params in drawn} == {"[8]", "[8, 4]"}
        assert {params["norm"] for params in drawn} == {"batch", None}
        assert all(0.5 <= params["beta"] <= 1.0 for params in drawn)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"latent": {"low": 5, "high": 5}}, "low must be below high"),
        ({"latent": {"low": 0, "high": 5, "log": True}}, "low must be above 0 where log is true"),
        ({"latent": {"low": "few", "high": 5}}, "must be a number, got 'few'"),
        ({"latent": {"low": True, "high": 5}}, "must be a number"),
        ({"latent": {"low": 1}}, "high"),
        ({"latent": 5}, "latent must be a list of values, or low and high, got 5"),
        ({"latent": []}, "at least 1"),
        ({"latent": {"low": 1, "high": 5, "points": 1}}, "greater than or equal to 2"),
    ],
)
def test_bad_spaces(space, words):
    with pytest.raises(ValueError, match=words):
        TuneConfig(space=space)
