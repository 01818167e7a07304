import pytest

from vaega.thesis.chapter4 import overrides_of, scaled_config
from vaega.thesis.published import GROUPS, find_group
from vaega.thesis.reproduction import PROTOCOLS


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scale", ["smoke", "small", "full"])
def test_all_groups_are_valid_at_every_scale(protocol, scale, request_for):
    for group in GROUPS:
        config = scaled_config(group, protocol, request_for(scale=scale))
        assert config.protocol.kind == protocol
        assert config.name == f"{group.name}_{protocol}"


def test_full_is_the_file_itself_under_as_run(request_for):
    request = request_for(scale="full")
    assert overrides_of(find_group("leukemia_001"), "as-run", request) == [
        "name=leukemia_001_as-run",
        "dataset.source=leukemia",
    ]


def test_honest_has_the_arms_of_the_paired_comparison(request_for):
    config = scaled_config(find_group("leukemia_001"), "honest", request_for(scale="full"))
    assert list(config.arms) == ["original", "augmented", "calibrated", "smote"]
    assert config.arms["augmented"].generator.parameters()["noise"] is False
    assert "noise" not in config.arms["calibrated"].generator.parameters()
    assert {arm.amount for name, arm in config.arms.items() if name != "original"} == {100}
    assert config.fitness.classifier_parameters()["random_state"] is None


def test_as_described_differs_from_as_run_in_the_protocol_alone(request_for):
    request = request_for(scale="full")
    group = find_group("madelon")
    ours, theirs = (scaled_config(group, name, request) for name in ("as-described", "as-run"))
    assert ours.search == theirs.search
    assert ours.fitness == theirs.fitness
    assert ours.protocol.model_dump() == {"kind": "as-described", "outer": "official",
        "test_size": 0.3, "n_splits": 5, "n_repeats": 1}  # fmt: skip


def test_a_stand_in_goes_under_its_own_name_and_keeps_fewer(request_for):
    config = scaled_config(find_group("gcm_45"), "as-run", request_for(scale="full"))
    assert config.dataset.source == "gcm1363"
    assert config.search.preselect.keep == 800


def test_runs_in_place_of_the_scale(request_for):
    config = scaled_config(find_group("madelon"), "as-run", request_for(scale="full", n_runs=4))
    assert config.seed_list() == [0, 1, 2, 3]
