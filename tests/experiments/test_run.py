"""An experiment through the command line: files, tables, second calls, failures."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from vaega import load_dataset
from vaega.cli import main
from vaega.experiments.config import ExperimentConfig
from vaega.experiments.run import _LiveTables, complete_runs
from vaega.experiments.store import RUN_COLUMNS, SUMMARY_COLUMNS, Store

CONFIG = {
    "name": "small",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"outer": "holdout", "inner_folds": 3, "final": False},
    "arms": {
        "original": {},
        "augmented": {
            "generator": {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 20},
            "n_synthetic": 30,
        },
        "smote": {"generator": {"kind": "smote"}, "n_synthetic": 30},
    },
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 8, "n_generations": 3, "n_searches": 1},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert main(["run", str(path), "--results", str(folder / "results")]) == 0
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(folder, *arguments):
    return main(
        ["run", str(folder / "small.yaml"), "--results", str(folder / "results"), *arguments]
    )


def test_runs_csv(finished):
    runs = pd.read_csv(finished / "results/small/runs.csv")
    assert tuple(runs.columns) == RUN_COLUMNS
    assert list(runs["arm"]) == ["original"] * 2 + ["augmented"] * 2 + ["smote"] * 2
    assert list(runs["seed"]) == [0, 1] * 3
    assert (runs["status"] == "done").all()
    np.testing.assert_allclose(runs["optimism"], runs["inner_score"] - runs["heldout_score"])
    assert (runs["n_distinct"] <= runs["n_asked"]).all()
    assert set(runs["n_asked"]) == {8 + 2 * 7}


def test_summary_csv_is_the_mean_of_the_runs(finished):
    runs = pd.read_csv(finished / "results/small/runs.csv")
    summary = pd.read_csv(finished / "results/small/summary.csv")
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    for row in summary.itertuples():
        scores = runs[runs["arm"] == row.arm]["heldout_score"].to_numpy()
        assert row.heldout_mean == pytest.approx(scores.mean())
        ends = row.heldout_low, row.heldout_high
        assert np.isnan(ends).all()  # so few runs have no interval


def test_intervals_wait_for_the_last_run(tmp_path, monkeypatch):
    """A run more makes no arm draw its rows anew; the tables that it leaves have none yet."""
    content = {**CONFIG, "arms": {"original": {}}, "seeds": 6}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    summaries, tabulate = [], Store.tabulate

    def recorded(*arguments, **options):
        tables = tabulate(*arguments, **options)
        summaries.extend(tables[1].iloc[:1].to_dict("records"))  # none before the first run
        return tables

    monkeypatch.setattr(Store, "tabulate", recorded)
    monkeypatch.setattr(_LiveTables, "pause", 0.0)  # after every run
    assert run(tmp_path) == 0
    assert [one["n_runs"] for one in summaries] == [1, 2, 3, 4, 5, 6, 6]
    assert [np.isfinite(one["heldout_low"]) for one in summaries] == [False] * 6 + [True]


def test_the_run_folder(finished):
    folders = list((finished / "results/small/runs").iterdir())
    assert len(folders) == 6
    for folder in folders:
        names = {path.name for path in folder.iterdir()} - {".claim"}
        # How good synthetic rows are, once an arm.
        described = folder.name.startswith(("augmented-000", "smote-000"))
        assert ("generator.json" in names) == described
        assert names - {"generator.json"} == {
            "config.json", "environment.json", "history.csv", "metrics.json", "predictions.csv",
            "record.json", "selected.csv",
        }  # fmt: skip
        predictions = pd.read_csv(folder / "predictions.csv")
        assert ("prediction_real" in predictions) == (not folder.name.startswith("original"))

        resolved = json.loads((folder / "config.json").read_text())
        assert resolved["search"]["population_size"] == 8
        assert len(resolved["dataset"]["fingerprint"]) == 64
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["n_features"] == len(pd.read_csv(folder / "selected.csv"))
        assert len(pd.read_csv(folder / "history.csv")) == 3
        assert "torch" in json.loads((folder / "environment.json").read_text())["packages"]


def test_rows_of_generators_are_measured_in_one_run_of_an_arm_and_where_wanted(tmp_path, finished):
    described = sorted(path.parent.name[:9] for path in finished.rglob("generator.json"))
    assert described == ["augmented", "smote-000"]
    config = ExperimentConfig.model_validate({**CONFIG, "seeds": 1})
    runs, _ = complete_runs(tmp_path, config, load_dataset("sklearn:wine"), describe=False)
    assert set(runs["status"]) == {"done"}
    assert not list(tmp_path.rglob("generator.json"))
    assert list(runs["heldout_score"]) == list(
        pd.read_csv(finished / "results/small/runs.csv").query("seed == 0")["heldout_score"]
    )


def test_arms_share_their_splits(finished):
    # The first masks and the test rows are the same, so the arms can be compared in pairs.
    histories = {}
    for folder in (finished / "results/small/runs").iterdir():
        resolved = json.loads((folder / "config.json").read_text())
        first = pd.read_csv(folder / "history.csv").iloc[0]
        histories.setdefault(resolved["seed"], set()).add(
            (first["mean_n_features"], first["diversity"])
        )
    assert all(len(firsts) == 1 for firsts in histories.values())


def test_the_table_and_the_paths_are_printed(copied, capsys):
    assert run(copied) == 0
    out = capsys.readouterr()
    for word in ("original", "augmented", "smote", "Protocol honest", "report.html", "held-out"):
        assert word in out.out
    assert "6 of 6 runs were finished before" in out.err


def test_more_seeds_compute_only_what_is_new(copied):
    before = {p: p.stat().st_mtime_ns for p in copied.glob("results/small/runs/*/metrics.json")}
    assert run(copied, "--set", "seeds=3", "--set", "arms={original: {}}") == 0
    after = {p: p.stat().st_mtime_ns for p in copied.glob("results/small/runs/*/metrics.json")}
    assert len(after) == 7
    assert before.items() <= after.items()
    assert len(pd.read_csv(copied / "results/small/runs.csv")) == 3


def test_other_settings_are_other_runs(copied):
    assert run(copied, "--set", "search.elite=2", "--set", "arms={original: {}}") == 0
    assert len(list(copied.glob("results/small/runs/*/metrics.json"))) == 8


def test_the_report_needs_nothing_from_elsewhere(finished):
    page = (finished / "results/small/report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "")
    for forbidden in ("<script src", "<link", "@import"):
        assert forbidden not in page
    for word in ("augmented", "Protocol honest", "vaega run", "population_size: 8", "<svg"):
        assert word in page
    assert len(page) < 1_000_000
    assert (finished / "results/small/figures/overview.png").read_bytes()[:4] == b"\x89PNG"


def test_report_writes_the_page_anew(copied, capsys):
    page = copied / "results/small/report.html"
    page.unlink()
    assert main(["report", str(copied / "results/small"), "--format", "markdown"]) == 0
    assert page.exists()
    assert "| original | 2 |" in capsys.readouterr().out


def test_a_failure_is_recorded_others_go_on_and_it_is_tried_again(tmp_path, capsys):
    config = {
        **CONFIG,
        "arms": {
            "broken": {"generator": {"kind": "vae", "class_weight": {99: 2.0}}, "n_synthetic": 9},
            "original": {},
        },
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert run(tmp_path) == 1
    out = capsys.readouterr()
    assert "2 of 4 runs failed" in out.out
    assert "broken, seed 0: failed: " in out.err
    assert "Traceback" not in out.out + out.err
    runs = pd.read_csv(tmp_path / "results/small/runs.csv")
    assert list(runs["status"]) == ["failed", "failed", "done", "done"]
    assert runs["heldout_score"].isna().tolist() == [True, True, False, False]
    assert run(tmp_path) == 1
    assert "[3/4] broken, seed 0: failed: " in capsys.readouterr().err


def test_a_results_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    (tmp_path / "results").mkdir()
    (tmp_path / "results/small").write_text("a file where a folder should be")
    assert run(tmp_path) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "cannot be written" in error[0]


def test_damaged_metrics_are_computed_again(copied):
    victim = next(iter(sorted(copied.glob("results/small/runs/original-000-*/metrics.json"))))
    whole = json.loads(victim.read_text())
    victim.write_text('{"status": "do')
    assert run(copied) == 0
    again = json.loads(victim.read_text())
    assert again["n_scored"] == 0, "every score was in the store"
    for metrics in (again, whole, *again["trials"], *whole["trials"]):
        metrics.pop("n_scored")
        metrics.pop("peak_memory_mb", None)
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_known_truth_gives_precision_and_recall(tmp_path):
    from vaega import make_madelon
    from vaega.experiments.config import make_config
    from vaega.experiments.run import run_experiment

    data = make_madelon(120, 15, n_informative=3, n_redundant=2, n_repeated=0, random_state=0)
    config = make_config({**CONFIG, "arms": {"original": {}}, "seeds": 1})
    run_experiment(config, data, tmp_path)
    metrics = json.loads(next(tmp_path.glob("small/runs/*/metrics.json")).read_text())
    assert 0 <= metrics["trials"][0]["precision"] <= 1
    assert 0 <= metrics["trials"][0]["recall"] <= 1


def test_groups_stay_together(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 5)), columns=list("abcde"))
    table["patient"] = np.repeat(np.arange(20), 3)
    table["class"] = np.where(table["patient"] % 2, "x", "y")
    table.to_csv(tmp_path / "table.csv", index=False)
    config = {
        **CONFIG,
        "dataset": {"source": "table.csv", "groups": "patient"},
        "arms": {"original": {}},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert run(tmp_path) == 0


def test_the_report_knows_only_the_runs_of_the_present_plan(copied):
    from vaega.report._results import read_results

    assert run(copied, "--set", "dataset.source=sklearn:iris", "--set", "arms={original: {}}") == 0
    features = read_results(copied / "results/small").features
    assert list(features) == ["original"]
    assert features["original"]["name"].str.contains("cm").all()


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", "[]"), ("plan.json", "{}"), ("plan.json", "")],
)
def test_damaged_results_give_one_sentence(copied, capsys, name, content):
    (copied / "results/small" / name).write_text(content)
    assert main(["report", str(copied / "results/small")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert name in error[0]


def noise(folder):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 40)), columns=[f"g{i}" for i in range(40)])
    table["class"] = rng.permutation(["x", "y"] * 30)
    table.to_csv(folder / "noise.csv", index=False)


@pytest.mark.parametrize("k", [1, 4])
def test_what_is_published_is_what_the_final_model_used(tmp_path, k):
    noise(tmp_path)
    config = {
        **CONFIG,
        "dataset": {"source": "noise.csv"},
        "preprocess": [{"class": "sklearn.feature_selection.SelectKBest", "k": k}],
        "arms": {"original": {}},
        "seeds": 4,
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert run(tmp_path) == 0
    assert (pd.read_csv(tmp_path / "results/small/runs.csv")["n_features"] <= k).all()


def test_numbers_that_json_does_not_know_stay_different(tmp_path):
    imputer = {"class": "sklearn.impute.SimpleImputer"}
    ids = set()
    for missing in (float("nan"), None, float("inf")):
        config = {**CONFIG, "preprocess": [{**imputer, "missing_values": missing}]}
        from vaega import load_dataset
        from vaega.experiments.config import make_config
        from vaega.experiments.runs import plan_runs

        ids.add(plan_runs(make_config(config), load_dataset("sklearn:wine"))[0].id)
    assert len(ids) == 3


def test_anchors_merge_and_do_not_change_together(tmp_path):
    from vaega.experiments.config import load_config

    text = yaml.safe_dump({key: CONFIG[key] for key in CONFIG if key != "arms"})
    text += (
        "arms:\n  a: &A {generator: &G {kind: vae, latent: 4}, n_synthetic: 10}\n  b: *A\n"
        "  c: {generator: {<<: *G, latent: 8}, n_synthetic: 10}\n"
    )
    (tmp_path / "merge.yaml").write_text(text)
    arms = load_config(tmp_path / "merge.yaml", ["arms.a.n_synthetic=99"]).arms
    assert [arms[name].n_synthetic for name in "abc"] == [99, 10, 10]
    assert [arms[name].generator.latent for name in "abc"] == [4, 4, 8]


def test_select_generate_select_from_a_configuration(tmp_path):
    search = {**CONFIG["search"], "preselect": {"keep": 5, "n_searches": 3}}
    arms = {name: CONFIG["arms"][name] for name in ("original", "augmented")}
    content = {**CONFIG, "arms": arms, "search": search, "seeds": 1}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    assert run(tmp_path) == 0
    runs = pd.read_csv(tmp_path / "results/small/runs.csv")
    assert (runs["status"] == "done").all()
    assert (runs["n_features"] <= 5).all()


@pytest.mark.parametrize("pinned", [["g3"], [3], [207], ["207"]])
def test_features_are_pinned_by_name(tmp_path, rng, pinned):
    names = ["g0", "g1", "g2", "g3"] if pinned[0] in ("g3", 3) else ["7", "4", "3", "207"]
    table = pd.DataFrame(rng.normal(size=(40, 4)), columns=names).assign(kind=["a", "b"] * 20)
    table.to_csv(tmp_path / "genes.csv", index=False)
    search = {**CONFIG["search"], "pinned": pinned, "forbidden": [names[0]]}
    content = {**CONFIG, "dataset": {"source": "genes.csv", "target": "kind"}, "search": search}
    (tmp_path / "small.yaml").write_text(
        yaml.safe_dump({**content, "arms": {"original": {}}, "seeds": 1}, sort_keys=False)
    )
    assert run(tmp_path) == 0
    (record,) = Store(tmp_path / "results/small").done()
    selected = set(record.selected()["name"])
    assert names[3] in selected
    assert names[0] not in selected
    assert record.config["search"]["pinned"] == pinned  # the results say what was asked for


def test_terminal_and_report_say_what_is_no_measurement(tmp_path, rng, capsys):
    table = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    table = table.assign(samples=834 + np.arange(40), kind=np.repeat(["sick", "well"], 20))
    table.to_csv(tmp_path / "probes.csv", index=False)
    content = {**CONFIG, "dataset": {"source": "probes.csv", "target": "kind"}, "seeds": 1}
    (tmp_path / "small.yaml").write_text(
        yaml.safe_dump({**content, "arms": {"original": {}}}, sort_keys=False)
    )
    said = "Column 'samples' numbers the rows (834 to 873) and alone tells the"
    assert run(tmp_path) == 0
    assert f"note: {said}" in capsys.readouterr().out
    folder = tmp_path / "results/small"
    assert said.replace("'", "&#39;") in (folder / "report.html").read_text()
    assert main(["report", str(folder)]) == 0
    assert f"note: {said}" in capsys.readouterr().out
    assert main(["report", str(folder), "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert note.startswith(said)
    assert run(tmp_path, "--set", "dataset.ignore=[samples]") == 0
    assert "samples' numbers" not in capsys.readouterr().out
