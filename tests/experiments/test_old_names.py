"""Old names of keys: they mean what the new ones mean, and say so."""

from types import SimpleNamespace

import pytest

from tests.processes import run_command
from vaega.core.errors import ConfigError
from vaega.experiments.config import ArmConfig, make_config
from vaega.experiments.runs import plan_runs

JITTER = {"kind": "jitter"}
CONFIG = {
    "name": "named",
    "dataset": {"source": "sklearn:wine"},
    "arms": {"original": {}, "more": {"generator": JITTER, "n_synthetic": 40}, "same": "placebo"},
    "fitness": {"classifier": "gaussian_nb"},
    "permutations": {"number": 19, "seeds": 2},
    "seeds": 2,
}


def of_old():
    arms = {**CONFIG["arms"], "more": {"generator": JITTER, "amount": 40}}
    content = {**CONFIG, "arms": arms, None: {"permutations": 19, "seeds": 2}}
    del content["permutations"]
    return content


def test_old_names_mean_the_same_and_are_said():
    with pytest.warns(FutureWarning) as said:
        config = make_config(of_old())
    assert config == make_config(CONFIG)
    assert [str(one.message).split(";")[0] for one in said] == [
        "the key null is called permutations now",
        "the key amount is called n_synthetic now",
        "the key permutations is called number now",
    ]


def test_in_python():
    with pytest.warns(FutureWarning, match="amount is called n_synthetic now"):
        arm = ArmConfig(generator=JITTER, amount=9)
    assert arm.n_synthetic == 9


def test_both_names_at_once():
    more = {"generator": JITTER, "amount": 9, "n_synthetic": 9}
    with pytest.raises(ConfigError, match="amount is the old name of n_synthetic"):
        make_config({**CONFIG, "arms": {"more": more}})


@pytest.mark.parametrize("rows", ["both", "augmented", "real"])
def test_the_rows_of_the_final_model_were_called_final(rows):
    with pytest.warns(FutureWarning, match="the key final is called final_rows now"):
        old = make_config({**CONFIG, "protocol": {"final": rows}})
    assert old == make_config({**CONFIG, "protocol": {"final_rows": rows}})
    assert old.protocol.has_final_runs


def test_final_is_a_truth_value_now():
    with pytest.raises(ConfigError, match=r"protocol\.final: must be a valid boolean, got 'all'"):
        make_config({**CONFIG, "protocol": {"final": "all"}})
    with pytest.raises(ConfigError, match="final is the old name of final_rows, which is there"):
        make_config({**CONFIG, "protocol": {"final": "real", "final_rows": "real"}})


def test_neither_key_changes_the_ids_of_runs_that_are_scored():
    data = SimpleNamespace(fingerprint="0" * 64, name="wine")

    def ids(**protocol):
        config = make_config({**CONFIG, "protocol": protocol})
        return [run.id for run in plan_runs(config, data) if not run.final]

    assert ids() == ids(final=True) == ids(final=False) == ids(final_rows="both")
    # As written when the key had its old name.
    assert ids(final_rows="real")[0] == "original-000-530ea32742"


def test_runs_finished_under_the_old_name_keep_their_ids():
    data = SimpleNamespace(fingerprint="0" * 64, name="wine")
    ids = {run.id for run in plan_runs(make_config(CONFIG), data)}
    # As written before the keys had their new names.
    assert {"more-001-9151a0dd49", "original-000-null-018-2ad4db49b9"} <= ids


def test_the_command_line_says_one_sentence(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(
        "name: old\ndataset: {source: 'sklearn:wine'}\nfitness: {classifier: knn}\nnull: 20\n"
    )
    run_command("check", path, errors=tmp_path / "said.txt")
    said = (tmp_path / "said.txt").read_text()
    assert said == "vaega: the key null is called permutations now; the old name still works.\n"
