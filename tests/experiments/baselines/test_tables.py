import pandas as pd
import pytest

from vaega.experiments.baselines import (
    COLUMNS,
    complete_baselines,
    model_table,
    summarise_tasks,
    tabulate_classes,
    tabulate_tasks,
    write_baselines,
)
from vaega.experiments.store import Store


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    sources = ["sklearn:iris", "no_such"]
    return folder, *complete_baselines(sources, ["lda", "gaussian_nb"], folder, seeds=[0, 1])


def test_one_row_a_task(computed):
    folder, tasks, _ = computed
    table = tabulate_tasks(Store(folder), tasks)
    assert tuple(table.columns) == COLUMNS
    assert table[["model", "seed"]].values.tolist() == [
        ["lda", 0], ["gaussian_nb", 0], ["lda", 1], ["gaussian_nb", 1],
    ]  # fmt: skip
    assert (table["status"] == "done").all()


def test_the_summary_has_means_over_seeds(computed):
    folder, tasks, _ = computed
    table = tabulate_tasks(Store(folder), tasks)
    summary = summarise_tasks(table).set_index("model")
    lda = table[table["model"] == "lda"]["score"]
    assert summary.loc["lda", "n"] == 2
    assert summary.loc["lda", "score"] == pytest.approx(lda.mean())
    assert summary.loc["lda", "sd"] == pytest.approx(lda.std())
    assert summary["score_low"].isna().all()
    one = summarise_tasks(table[table["seed"] == 0])
    assert one["sd"].isna().all()
    assert (one["score_low"] <= one["score"]).all()


def test_one_row_a_class(computed):
    folder, tasks, _ = computed
    classes = tabulate_classes(Store(folder), tasks)
    assert len(classes) == 4 * 3
    assert classes["label"].unique().tolist() == ["setosa", "versicolor", "virginica"]


def test_the_folder_has_tables_command_versions_and_failures(computed):
    folder, tasks, unloaded = computed
    write_baselines(folder, tasks, unloaded, command="vaega baselines --seeds=2")
    text = (folder / "baselines.md").read_text()
    assert "`vaega baselines --seeds=2`" in text
    assert "scikit-learn" in text
    assert "Seeds: 0, 1." in text
    assert "test rows are read once" in text
    assert "- no_such: not loaded: " in text
    assert "| setosa | 1.00 |" in text
    assert len(pd.read_csv(folder / "baselines.csv")) == 4
    assert len(pd.read_csv(folder / "by_class.csv")) == 12


def test_a_failed_task_has_no_score_and_stands_below(tmp_path, computed):
    tasks = computed[1]
    store = Store(tmp_path)
    store.record_failure(tasks[0].run, "too few rows.", "", 0.1)
    table = write_baselines(tmp_path, tasks, {}, command="vaega baselines")
    assert table["status"].tolist() == ["failed"]
    assert not model_table(summarise_tasks(table)).rows
    assert "- iris, LDA, seed 0: too few rows." in (tmp_path / "baselines.md").read_text()
