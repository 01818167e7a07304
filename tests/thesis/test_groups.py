import pytest

from vaega.cli import main
from vaega.core.errors import ConfigError
from vaega.experiments.config import read_config
from vaega.generative._settings import PRESETS
from vaega.thesis.published import GROUPS, config_folder, find_group, published_groups


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_configuration_is_valid_and_as_run(group):
    assert main(["check", str(group.file())]) == 0
    config = read_config(group.file())
    assert config.name == group.name
    assert config.protocol.kind == "as-run"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_settings_are_the_published_ones(group):
    config, table = read_config(group.file()), published_groups().set_index("experiment_group")
    for arm in ("original", "augmented"):
        for name in group.published(arm):
            row = table.loc[name]
            assert config.search.population_size == row["population_size"]
            assert config.search.n_generations == row["n_generations"]
            assert config.search.crossover_probability == row["crossover_probability"]
            assert len(config.seed_list()) >= row["n_runs"]


def test_every_file_belongs_to_a_group():
    assert {path.stem for path in config_folder().glob("*.yaml")} == {g.name for g in GROUPS}


def test_every_preset_of_the_thesis_is_used():
    used = {
        arm.generator.parameters()["preset"]
        for group in GROUPS
        for arm in read_config(group.file()).arms.values()
        if arm.generator is not None
    }
    assert used == set(PRESETS) - {"thesis"}


def test_two_class_groups_put_synthetic_rows_among_the_test_rows():
    for group in GROUPS:
        share = read_config(group.file()).protocol.synthetic_test_share
        assert share == (0.3 if group.dataset in ("leukemia", "madelon", "gisette") else 0.0)


def test_an_unknown_group():
    with pytest.raises(ConfigError, match="group must be one of"):
        find_group("iris")
