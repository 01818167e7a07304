"""Arms with a classical selection: sizes of other arms, and what is refused."""

import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.core.errors import InputError
from vaega.experiments.config import make_config

ARMS = {
    "same": {"selector": {"kind": "f_classif", "size": "original"}},
    "original": {},
    "all": {"selector": {"kind": "all"}},
    "augmented": {
        "selector": {"kind": "l1"},
        "generator": {"kind": "jitter"},
        "n_synthetic": 30,
    },
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = run_small(
        tmp_path_factory.mktemp("results"), seeds=2, arms=ARMS, outer="kfold", n_splits=3
    )
    return pd.read_csv(folder / "runs.csv").set_index(["arm", "seed"])


def test_every_arm_has_its_runs(runs):
    assert (runs["status"] == "done").all()
    assert len(runs) == 8


def test_a_size_is_that_of_the_other_arm_with_the_same_seed(runs):
    assert (runs.loc["same"]["n_features"] == runs.loc["original"]["n_features"]).all()


def test_all_features(runs):
    assert (runs.loc["all"]["n_features"] == 13).all()


def test_a_failed_arm_has_no_size_to_give(tmp_path):
    broken = {"generator": {"kind": "vae", "class_weight": {99: 2.0}}, "n_synthetic": 9}
    folder = run_small(
        tmp_path, seeds=1, arms={"original": broken, "same": ARMS["same"], "plain": {}}
    )
    runs = pd.read_csv(folder / "runs.csv").set_index("arm")
    assert runs["status"].to_dict() == {"original": "failed", "same": "failed", "plain": "done"}


def config(arms, **changes):
    return make_config(
        {
            "name": "x",
            "dataset": {"source": "sklearn:wine"},
            "fitness": {"classifier": "gaussian_nb"},
            "arms": arms,
            **changes,
        }
    )


def test_what_the_other_arm_does_is_part_of_the_run():
    from vaega import load_dataset
    from vaega.experiments.runs import plan_runs

    data, same = load_dataset("sklearn:wine"), ARMS["same"]
    ids = {
        plan_runs(config({"same": same, "original": other}, seeds=1), data)[0].id
        for other in ({}, {"generator": {"kind": "jitter"}, "n_synthetic": 9})
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"a": {"selector": {"kind": "lasso"}}}, "arms.a.selector.kind"),
        ({"a": {"selector": {"kind": "all", "size": 3}}}, "size has no effect with kind: all"),
        ({"a": {"selector": {"kind": "rfe", "n_masks": 3}}}, "n_masks has no effect"),
        ({"a": {"selector": {"kind": "rfe", "size": 0}}}, "arms.a.selector.size"),
        ({"a": {"selector": {"kind": "rfe", "size": "b"}}}, "another arm .there is none., got 'b'"),
        (
            {
                "a": {"selector": {"kind": "rfe", "size": "b"}},
                "b": {"selector": {"kind": "rfe", "size": "a"}},
            },
            "takes its size of an arm itself",
        ),
    ],
    ids=["kind", "all", "n_masks", "zero", "unknown", "circle"],
)
def test_bad_selectors_are_one_sentence(arms, message):
    with pytest.raises(InputError, match=message) as error:
        config(arms)
    assert "\n" not in str(error.value)


def test_a_selector_needs_the_honest_protocol():
    with pytest.raises(InputError, match=r"needs protocol\.kind honest"):
        config(
            {"a": {"selector": {"kind": "all"}}},
            protocol={"kind": "as-described", "outer": "holdout"},
            search={"n_searches": 1, "guide": "none"},
        )
