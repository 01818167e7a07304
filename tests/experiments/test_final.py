"""Final runs: the same procedure on all rows, behind the others and apart from their scores."""

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from tests.records import rewrite_plan
from vaega import Dataset
from vaega.cli import main
from vaega.core.errors import ResultsError
from vaega.core.records import read_record
from vaega.data._preprocess import Preprocessor
from vaega.experiments import trial as trial_module
from vaega.experiments.config import ProtocolConfig, load_config, make_config
from vaega.experiments.final import votes_table
from vaega.experiments.monitor import Observer
from vaega.experiments.plan import read_plan
from vaega.experiments.protocols import HonestProtocol, TrialOptions, make_protocol
from vaega.experiments.run import run_experiment
from vaega.experiments.runs import is_final
from vaega.experiments.status import clean_results, read_status
from vaega.experiments.store import Store
from vaega.experiments.trial import run_trial
from vaega.report._comparison import read_trial_scores
from vaega.report._results import final_sentences, read_results

ARMS = {
    "original": {},
    "jitter": {"generator": {"kind": "jitter", "share": 0.2}, "n_synthetic": 20},
    "same": {"selector": {"kind": "f_classif", "size": "original"}},
}


def data_of(**parts):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, 12))
    X[:, :3] += 1.5 * y[:, None]
    return Dataset.from_arrays(X, y, name="clouds", **parts)


def config_of(*, protocol=None, **sections):
    content = {
        "name": "clouds",
        "dataset": {"source": "made here"},
        "preprocess": ["standardize"],
        "protocol": {"inner_folds": 2, **(protocol or {})},
        "arms": ARMS,
        "fitness": {"classifier": "gaussian_nb"},
        "search": {"population_size": 6, "n_generations": 2, "n_searches": 2},
        "seeds": [3, 1],
        "permutations": {"number": 2, "seeds": 1},
        **sections,
    }
    return make_config(content)


class Ended(Observer):
    """Takes note of the order in which runs end."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def on_run_end(self, run, metrics):
        self.runs.append(run)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of all results, and the runs in the order in which they ended."""
    folder, ended = tmp_path_factory.mktemp("final"), Ended()
    run_experiment(config_of(), data_of(), folder, observer=ended)
    return folder, ended.runs


@pytest.fixture
def results(finished, tmp_path):
    return shutil.copytree(finished[0] / "clouds", tmp_path / "clouds")


def of_all_rows(arm="original", *, data=None, **sections):
    """Return what an arm's procedure gives on all rows, without any experiment."""
    config, data = config_of(**sections), data or data_of()
    trial = make_protocol(config.protocol).final_trial(data, config.seed_list()[0])
    return trial, run_trial(config, trial, config.arms[arm], TrialOptions(), n_classes=2)


def test_each_arm_has_one_behind_all_others(finished):
    _, runs = finished
    assert [run.arm for run in runs if run.final] == ["original", "jitter", "same"]
    assert [run.final for run in runs] == [False] * 12 + [True] * 3
    assert all(is_final(run.id) == run.final for run in runs)
    assert {run.seed for run in runs if run.final} == {3}, "the first seed"
    assert runs[-1].title == "same, final"


def test_it_changes_no_other_run_and_no_table(finished, tmp_path):
    with_finals, _ = finished
    run_experiment(config_of(protocol={"final": False}), data_of(), tmp_path)
    assert not [path for path in tmp_path.glob("clouds/runs/*") if is_final(path.name)]
    files = [*tmp_path.glob("clouds/runs/*/*.csv"), *tmp_path.glob("clouds/runs/*/config.json")]
    assert len(files) == 12 * 4
    for path in files:
        assert path.read_bytes() == (with_finals / path.relative_to(tmp_path)).read_bytes()
    for name in ("runs.csv", "summary.csv", "null.csv"):
        one, other = (pd.read_csv(place / "clouds" / name) for place in (with_finals, tmp_path))
        timed = [column for column in one if "seconds" in column]
        pd.testing.assert_frame_equal(one.drop(columns=timed), other.drop(columns=timed))


def test_it_has_no_score(finished):
    record = Store(finished[0] / "clouds").final("original")
    text = (record.folder / "metrics.json").read_text()
    for word in ("heldout", "optimism", "brier", "trials", "NaN"):
        assert word not in text
    metrics = record.metrics
    assert metrics["final"] is True
    assert (metrics["n_rows"], metrics["n_columns"]) == (60, 12)
    assert "no score" not in metrics["statement"]
    assert "none is left for a score of its own" in metrics["statement"]
    assert not (record.folder / "predictions.csv").exists()
    assert record.config["final"] is True


def test_what_reads_scores_does_not_see_it(finished):
    folder = finished[0] / "clouds"
    assert len(Store(folder).done()) == 6
    scores = read_trial_scores(folder)
    assert scores.rows.groupby("arm").size().to_dict() == {"original": 2, "jitter": 2, "same": 2}
    found = read_results(folder)
    assert all(len(records) == 2 for records in found.metrics.values())
    assert list(found.summary["n_runs"]) == [2, 2, 2]
    assert list(found.finals) == list(ARMS)


@pytest.mark.parametrize("arm", ["original", "jitter"])
def test_it_is_the_procedure_on_all_rows(finished, arm):
    record = Store(finished[0] / "clouds").final(arm)
    trial, result = of_all_rows(arm)
    assert len(trial.y) == 60
    assert len(trial.test.open()[1]) == 0
    np.testing.assert_array_equal(record.selected()["feature"], result.selected)
    assert record.metrics["inner_score"] == result.inner_score
    pd.testing.assert_frame_equal(record.history(), result.history, check_dtype=False)


def test_votes_are_of_all_features(finished):
    record = Store(finished[0] / "clouds").final("original")
    votes, selected = record.votes(), record.selected()
    assert list(votes["name"]) == list(data_of().feature_names)
    assert set(votes["frequency"]) <= {0.0, 0.5, 1.0}, "two searches vote"
    pd.testing.assert_frame_equal(
        votes[votes["selected"]].drop(columns="selected").reset_index(drop=True), selected
    )
    ranks = [column for column in votes if column.startswith("rank_")]
    assert {"rank_votes", "rank_f_classif"} <= set(ranks)
    assert all(sorted(votes[rank]) == list(range(1, 13)) for rank in ranks)


def test_features_that_a_first_selection_left_out_have_no_rank():
    search = {"population_size": 6, "n_generations": 2, "n_searches": 2, "preselect": {"keep": 5}}
    votes = votes_table(of_all_rows(search=search)[1], data_of())
    assert votes["rank_f_classif"].notna().sum() == 5
    assert votes.loc[votes["selected"], "rank_f_classif"].notna().all()


def test_its_model_is_the_classifier_on_all_prepared_rows():
    data, (_, result) = data_of(), of_all_rows()
    model, kept = result.model, result.selected
    np.testing.assert_array_equal(model.features, kept)
    X = Preprocessor(["standardize"]).fit(data.X).transform(data.X)[:, kept]
    np.testing.assert_array_equal(model.prepared(data.X), X)
    np.testing.assert_array_equal(
        model.classifier.predict_proba(X), GaussianNB().fit(X, data.y).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("rows", "n_fit"), [("both", 60 + 20), ("augmented", 60 + 20), ("real", 60)]
)
def test_its_model_is_fitted_on_the_rows_of_the_headline(rows, n_fit):
    _, result = of_all_rows("jitter", protocol={"final_rows": rows})
    assert result.model.classifier.class_count_.sum() == n_fit


def test_an_arm_that_takes_its_size_takes_that_of_the_final_run(finished):
    store = Store(finished[0] / "clouds")
    sizes = {arm: len(store.final(arm).selected()) for arm in ARMS}
    assert sizes["same"] == sizes["original"]


def test_rows_of_a_group_stay_together():
    groups = np.arange(60) // 3
    trial, _ = of_all_rows(data=data_of(groups=groups))
    assert trial.n_independent == 20
    for split in trial.inner:
        assert not set(groups[split.train]) & set(groups[split.test])


def test_the_official_test_part_is_among_its_rows():
    whole = data_of()
    order = np.random.default_rng(1).permutation(60)
    first, last = order[:40], order[40:]
    parts = {"X_test": whole.X[last], "y_test": whole.y[last]}
    data = Dataset.from_arrays(whole.X[first], whole.y[first], **parts)
    trial = HonestProtocol(ProtocolConfig(outer="official", inner_folds=2)).final_trial(data, 0)
    np.testing.assert_array_equal(trial.X, whole.X[order])
    np.testing.assert_array_equal(trial.y, whole.y[order])


def test_leaving_one_out_has_one_too(tmp_path):
    small = data_of()
    data = Dataset.from_arrays(small.X[24:36], small.y[24:36])
    config = config_of(
        protocol={"outer": "leave-one-out"},
        arms={"original": {}},
        permutations=None,
        seeds=1,
        search={"population_size": 4, "n_generations": 1, "n_searches": 1},
    )
    runs, _ = run_experiment(config, data, tmp_path)
    assert list(runs["status"]) == ["done"]
    record = Store(tmp_path / "clouds").final("original")
    assert record.metrics["n_rows"] == 12
    assert "pooled" not in record.metrics


def test_a_control_tunes_its_regulariser_on_all_rows():
    arms = {"tuned": "regularised"}
    _, result = of_all_rows("tuned", arms=arms)
    assert result.model.classifier.var_smoothing == result.extra["regulariser"]


def fail(*arguments):
    raise ValueError("no luck")


def test_one_that_fails_is_said_retried_and_in_no_table(tmp_path, monkeypatch, finished):
    config = config_of(arms={"original": {}, "same": ARMS["same"]}, permutations=None)
    with monkeypatch.context() as broken:
        broken.setattr(trial_module, "fit_on_all_rows", fail)
        runs, _ = run_experiment(config, data_of(), tmp_path)
    assert list(runs["status"]) == ["done"] * 4
    folder = tmp_path / "clouds"
    status = read_status(folder)
    errors = {run.arm: run.error for run in status.runs if run.state == "failed"}
    assert errors["original, final"] == "no luck"
    assert errors["same, final"] == (
        "arms.same.selector.size: is that of original, whose final run failed: no luck"
    )
    assert Store(folder).final("original") is None
    assert final_sentences(read_results(folder)) == []
    run_experiment(config, data_of(), tmp_path)
    of_other = Store(finished[0] / "clouds").final("original")
    pd.testing.assert_frame_equal(Store(folder).final("original").votes(), of_other.votes())
    assert read_status(folder).sentence == "6 runs: 6 done."


def test_status_shows_it_and_clean_removes_it_once_it_is_not_planned(results):
    assert read_status(results).counts["jitter, final"]["done"] == 1
    final = Store(results).final("jitter").folder
    run_experiment(config_of(protocol={"final": False}), data_of(), results.parent)
    assert Store(results).final("jitter") is None
    removed, _ = clean_results(read_status(results))
    assert final in removed
    assert len(removed) == 3
    assert len(Store(results).done()) == 6


def test_a_plan_of_a_version_without_them_goes_on_as_it_was_begun(results):
    runs = [run_id for run_id in read_record(results / "plan.json")["runs"] if not is_final(run_id)]
    rewrite_plan(results, runs=runs)
    assert not read_plan(results).config.protocol.has_final_runs
    assert read_status(results).sentence == "12 runs: 12 done."
    read_plan(results).check_runs(runs)
    with pytest.raises(ResultsError, match="cannot be resumed"):
        read_plan(results).check_runs(runs[1:])


CONFIG = """
name: wine
dataset: {source: "sklearn:wine"}
protocol: {inner_folds: 2}
fitness: {classifier: gaussian_nb}
search: {population_size: 6, n_generations: 2, n_searches: 1}
seeds: 1
"""


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine.yaml").write_text(CONFIG)
    assert main(["check", "wine.yaml"]) == 0
    assert "2 runs, 1 of them final, on all rows" in capsys.readouterr().out
    assert main(["run", "wine.yaml", "--max-evaluations", "12"]) == 1
    assert "1 of 2 runs are recorded" in capsys.readouterr().out
    assert main(["resume", "results/wine"]) == 0
    said = capsys.readouterr()
    assert "[2/2] original, final: " in said.err
    _, _, block = said.out.partition("\nfinal signature of original: ")
    sentence, _, rest = block.partition("\n  results/wine/runs/")
    selected = pd.read_csv("results/wine/runs/" + rest.splitlines()[0])
    found, _, names = " ".join(sentence.split()).rstrip(".").partition(" own: ")
    assert found == f"{len(selected)} features on all 178 rows, no score of its"
    shown = names.split(", ")
    assert set(shown[:10]) <= set(selected["name"])
    assert len(shown) == min(len(selected), 10) or shown[10] == f"and {len(selected) - 10} more"
    assert max(map(len, said.out.splitlines())) <= 80
    assert main(["report", "results/wine"]) == 0
    assert sentence in capsys.readouterr().out
    assert main(["run", "wine.yaml", "--set", "protocol.final=false"]) == 0
    assert "final signature" not in capsys.readouterr().out


def test_protocols_of_the_thesis_have_none(tmp_path):
    (tmp_path / "wine.yaml").write_text(CONFIG)
    changes = ["protocol={kind: as-described}", "search.guide=none", "search.initial_fraction=0.5"]
    described = load_config(tmp_path / "wine.yaml", changes)
    assert not any(run.final for run in described.run_list())
    for value in (True, False):
        with pytest.raises(ValueError, match="final has no effect with kind: as-run"):
            ProtocolConfig(kind="as-run", final=value)
