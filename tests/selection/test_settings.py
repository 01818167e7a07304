import inspect
import re
from dataclasses import fields
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from vaega import GeneticSelector
from vaega.core.errors import InputError
from vaega.experiments.config import SearchConfig
from vaega.selection._settings import BASIC, NOISE, RUNNING, SEARCH, SearchSettings

NAMES = {field.name: field.default for field in fields(SearchSettings)}


def settings_table():
    """Return the table of settings as docs/configuration.md has it."""
    lines = ["| key | default | what it does |", "| --- | --- | --- |"]
    for group in (BASIC, SEARCH, NOISE, RUNNING):
        lines.append(f"| *{group}* | | |")
        lines += [
            f"| `{spec.name}` | {_as_yaml(spec.default)} | {spec.metadata['about']} |"
            for spec in fields(SearchSettings)
            if spec.metadata["group"] == group
        ]
    return "\n".join(lines)


def _as_yaml(default):
    return "" if default is None else f"`{list(default) if default == () else default}`"


def test_the_selector_and_the_configuration_have_the_same_names_and_defaults():
    selector = signature(GeneticSelector).parameters
    config = SearchConfig.model_fields
    for name, default in NAMES.items():
        assert selector[name].default == default
        assert config[name].default == default
    assert set(config) - set(NAMES) == {"preselect"}


def test_the_selector_has_its_parameters_in_the_order_of_their_groups():
    names = [name for name in signature(GeneticSelector).parameters if name in NAMES]
    assert names == list(NAMES)
    order = [BASIC, SEARCH, NOISE, RUNNING]
    groups = [order.index(spec.metadata["group"]) for spec in fields(SearchSettings)]
    assert groups == sorted(groups)


def test_every_parameter_of_the_selector_is_described():
    described = re.findall(r"(?m)^([\w, ]+) :", inspect.getdoc(GeneticSelector))
    names = {name.strip() for line in described for name in line.split(",")}
    assert set(signature(GeneticSelector).parameters) <= names


def test_the_documentation_has_the_table_of_the_settings():
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert settings_table() in text, f"docs/configuration.md must hold:\n{settings_table()}"


def test_the_configuration_reads_every_setting_as_its_kind():
    text = {"subsample": "5e-1", "max_seconds": 3, "initial_fraction": "1e-2", "pinned": [1, 2]}
    config = SearchConfig(**text)
    assert (config.subsample, config.max_seconds, config.initial_fraction) == (0.5, 3.0, 0.01)
    assert config.settings().pinned == (1, 2)
    for name, value in (("elite", True), ("pinned", [-1]), ("tournament_size", 2.0)):
        with pytest.raises(ValidationError, match=name):
            SearchConfig(**{name: value})


@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_searches", "population_size", "mutation"),
    [
        (38, 7129, 10, 50, "filter_guided"),
        (299, 10, 10, 50, "filter_guided"),
        (300, 500, 1, 100, "filter_guided"),
        (38, 9, 1, 100, "filter_guided"),
    ],
)
def test_what_auto_stands_for(n_rows, n_features, n_searches, population_size, mutation):
    resolved = SearchSettings().resolved(n_rows=n_rows, n_features=n_features)
    assert resolved.n_searches == n_searches
    assert resolved.population_size == population_size
    assert resolved.mutation == mutation


def test_what_is_given_stays():
    settings = SearchSettings(population_size=7, n_generations=3, n_searches=2, mutation="bitflip")
    resolved = settings.resolved(n_rows=38, n_features=7129)
    assert (resolved.population_size, resolved.n_generations) == (7, 3)
    assert (resolved.n_searches, resolved.mutation) == (2, "bitflip")


def test_a_front_is_one_search():
    resolved = SearchSettings(algorithm="nsga2").resolved(n_rows=38, n_features=7129)
    assert resolved.n_searches == 1


def test_settings_among_some_features():
    settings = SearchSettings(
        pinned=(1, 5),
        forbidden=(0, 7),
        guide=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        min_features=6,
    )
    own = settings.on_columns(np.array([0, 2, 5, 6]))
    assert own.pinned == (2,)
    assert own.forbidden == (0,)
    np.testing.assert_allclose(own.guide, [0.1, 0.3, 0.6, 0.7])
    assert own.min_features == 4


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"algorithm": "nsga2", "n_searches": 3}, "n_searches must be 1 with algorithm nsga2"),
        ({"algorithm": "self_adaptive", "mutation": "swap"}, "mutation must have a rate"),
        ({"population_size": 4, "elite": 4}, "elite must be a whole number, from 0 to 3, got 4"),
        ({"max_features": 2, "min_features": 3}, "max_features must be"),
    ],
)
def test_settings_that_do_not_go_together_are_said(settings, rule):
    with pytest.raises(InputError, match=rule):
        SearchSettings(**settings).check(owner="search")


def test_a_small_budget_has_small_populations():
    resolved = SearchSettings(max_evaluations=500).resolved(n_rows=2000, n_features=500)
    assert resolved.population_size == 25
    assert SearchSettings(max_evaluations=50).resolved(n_rows=9, n_features=9).population_size == 10


def test_bounds_that_the_features_cannot_fulfil_are_said():
    with pytest.raises(InputError, match=r"forbidden must hold positions below 12.*got 12"):
        SearchSettings(forbidden=(12,)).check_fits(12, owner="search")
    with pytest.raises(InputError, match="min_features must be at most the number of features"):
        SearchSettings(min_features=13).check_fits(12, owner="search")


@pytest.mark.parametrize(
    ("name", "value"),
    [("fresh_folds", True), ("racing", 0.5), ("feedback", 2), ("local_search", 1)],
)
def test_settings_that_were_removed_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} was removed, .*, got {value}"):
        SearchConfig(**{name: value})
    with pytest.raises(TypeError, match=name):
        GeneticSelector(None, **{name: value})


def test_their_defaults_stand_in_earlier_results_and_are_passed_over():
    assert SearchConfig(fresh_folds=False, racing=None, feedback=None) == SearchConfig()


ENTREZ = ["7157", "672", "207", "4", "0", "1956"]


@pytest.mark.parametrize(
    ("names", "given", "positions"),
    [
        (["sex", "age", "TP53"], ("TP53", "age"), (2, 1)),
        (["sex", "age", "TP53"], (1, "TP53"), (1, 2)),
        (ENTREZ, (207, "1956"), (2, 5)),  # a whole number that is a name is that name,
        (ENTREZ, (4,), (3,)),  # also where it could be a position
        (["TP53", "0", "age"], (0, 2), (1, 2)),
        (["1", "2", "3"], (1, 3), (0, 2)),
    ],
)
def test_features_by_name_get_positions(names, given, positions):
    assert SearchSettings(pinned=given).on_names(names, owner="search").pinned == positions
    assert SearchSettings(forbidden=given).on_names(names, owner="search").forbidden == positions


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (
            ["TP53", "BRCA1"],
            "TP35",
            "in the columns of the dataset, got 'TP35'; did you mean 'TP53'?",
        ),
        (["TP53", "BRCA1"], "tp53", "did you mean 'TP53'?"),
        (["TP53", "BRCA1"], "x", "got 'x'; they are 'TP53', 'BRCA1'."),
        (ENTREZ, 2, "pinned must be in the columns of the dataset, got '2'"),
        (ENTREZ, 208, "got '208'; did you mean '207'?"),
    ],
)
def test_a_feature_that_is_not_there_is_refused_with_the_nearest(names, given, message):
    with pytest.raises(InputError, match=f"^search: each of .*{re.escape(message)}"):
        SearchSettings(pinned=(given,)).on_names(names, owner="search")


def test_a_name_and_a_position_may_be_one_feature():
    both = SearchSettings(pinned=("age",), forbidden=(1,))
    both.check(owner="search")
    with pytest.raises(InputError, match="pinned or forbidden, got both for 1"):
        both.on_names(["sex", "age"], owner="search")


@pytest.mark.parametrize("value", [True, 1.5, None, ["TP53"]])
def test_a_feature_of_the_configuration_is_a_name_or_a_position(value):
    assert SearchConfig(pinned=["TP53", 3]).settings().pinned == ("TP53", 3)
    with pytest.raises(ValidationError, match="must be a feature's name"):
        SearchConfig(pinned=[value])
