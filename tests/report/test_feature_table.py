"""The table of features: what it counts, what it calls a finding, and what a spreadsheet sees."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaega.data._dataset import Dataset
from vaega.experiments.config import make_config
from vaega.experiments.run import run_experiment
from vaega.experiments.store import Store
from vaega.report._feature_table import (
    draw_frequencies,
    feature_section,
    features_text,
    plot_frequencies,
    read_selections,
)
from vaega.report._page import write_report
from vaega.report._results import read_results

NAMES = ("=1+1", "+x", "-y", "@z", *(f"f{i}" for i in range(35)), "NA")


def run_arms(folder, *, shift=3.0, n_classes=2, **sections):
    """Run a search, a filter and all features on 60 rows, of which one column differs."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 40)), np.arange(60) % n_classes
    X[:, 7] += shift * (y == 1)
    rows = Dataset.from_arrays(X, y, feature_names=NAMES, relevant=np.arange(40) == 7)
    config = make_config(
        {
            "name": "small",
            "dataset": {"source": "small.csv"},
            "arms": {
                "search": {},
                "filter": {"selector": {"kind": "f_classif", "size": 3}},
                "all": {"selector": {"kind": "all"}},
            },
            "fitness": {"classifier": "gaussian_nb"},
            "search": {"population_size": 6, "n_generations": 2, "n_searches": 1},
            "seeds": 4,
            **sections,
        }
    )
    run_experiment(config, rows, folder)
    return folder / "small"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_arms(tmp_path_factory.mktemp("arms"), permutations={"number": 3, "seeds": 2})


@pytest.fixture
def table(folder):
    return pd.read_csv(io.StringIO(features_text(read_results(folder))))


def test_a_row_a_feature_with_all_that_is_known(folder, table):
    assert len(table) == 40
    assert table["name"].iloc[0] == "f3"
    row = table.iloc[0]
    assert row["feature"] == 7
    assert row["direction"] == "higher in 1"
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["q_value"] < 0.1
    assert row["rank_f_classif"] == 1
    assert bool(row["relevant"])
    assert row["share_filter"] == 1.0
    assert bool(row["final_filter"])
    assert not [name for name in table if name.endswith("_all")]  # all features say nothing
    assert "votes_filter" not in table  # it has no searches


def test_shares_are_counted_in_the_runs(folder, table):
    selected = [pd.read_csv(path) for path in folder.glob("runs/search-00?-[!n]*/selected.csv")]
    counts = pd.concat(selected)["feature"].value_counts()
    shares = table.set_index("feature")["share_search"]
    assert (shares[counts.index] == counts / 4).all()
    assert shares.sum() == pytest.approx(counts.sum() / 4)
    permuted = [pd.read_csv(path) for path in folder.glob("runs/search-*-null-*/selected.csv")]
    assert len(permuted) == 6
    expected = pd.concat(permuted)["feature"].value_counts() / 6
    own = table.set_index("feature")["permuted_share_search"]
    np.testing.assert_allclose(own[expected.index], expected, rtol=1e-5)


def test_no_name_is_a_formula(table):
    assert {"'=1+1", "'+x", "'-y", "'@z"} <= set(table["name"])
    assert pd.api.types.is_numeric_dtype(table["difference"])  # a negative number stays one


def test_names_of_a_final_run_are_read_back_as_they_were(folder):
    final = Store(folder).final("all")
    assert tuple(final.votes()["name"]) == NAMES
    assert tuple(final.selected()["name"]) == NAMES
    assert {"=1+1", "+x", "-y", "@z"} & set(final.rows())
    assert set(final.rows().columns[2:]) <= set(NAMES)


def test_the_section_says_what_is_found_and_how_right_it_is(folder):
    section = feature_section(read_results(folder))
    text = " ".join(section.sentences)
    assert "1 feature has a q value of at most 0.1: f3." in text
    assert "1 of 1 relevant features are among the 1 (precision 1.00, recall 1.00)" in text
    assert "in the final signature" in text
    assert len(section.table.rows) == 20
    assert section.table.rows[0][0] == "f3"
    assert [chart.title for chart in section.charts] == ["search"]  # arms with a search alone
    assert "permuted labels" in section.charts[0].caption


def test_on_noise_nothing_is_called_a_finding(tmp_path):
    section = feature_section(read_results(run_arms(tmp_path, shift=0.0)))
    first, second, *_ = section.sentences
    assert first.startswith("No feature is shown to differ between the classes")
    assert second.startswith("search: no feature is selected more often")


def test_a_chart_has_what_chance_makes_with_and_without_permuted_runs(folder, tmp_path):
    without = run_arms(tmp_path, protocol={"final": False})
    for where, strokes in ((folder, 1), (without, 0)):
        selections = read_selections(read_results(where))
        figures = draw_frequencies(read_results(where))
        assert list(figures) == ["frequencies_search"]
        (ax,) = figures["frequencies_search"].axes
        assert len(ax.collections) == strokes
        (line,) = ax.lines
        mean, most = selections.arms[0].largest_by_chance(selections.univariate)
        assert line.get_xdata()[0] == mean <= most
        assert mean > selections.arms[0].sizes.mean() / 40  # not that of a random draw
    assert "final_search" not in pd.read_csv(io.StringIO(features_text(read_results(without))))


def test_the_most_frequent_feature_is_on_top_and_bars_are_shares(folder):
    selections = read_selections(read_results(folder))
    arm = selections.arms[0]
    (ax,) = draw_frequencies(read_results(folder))["frequencies_search"].axes
    assert plot_frequencies(arm, selections, ax) is ax
    labels = [text.get_text() for text in ax.get_yticklabels()]
    widths = [bar.get_width() for bar in ax.patches[: len(labels)]]
    assert widths == sorted(widths)
    assert widths[-1] == arm.shares.max()
    assert labels[-1] == selections.names[int(arm.shares.argmax())]


def test_more_classes(tmp_path):
    three = run_arms(tmp_path, n_classes=3)
    table = pd.read_csv(io.StringIO(features_text(read_results(three))))
    assert table.set_index("feature").loc[7, "direction"] == "higher in 1"
    assert table["direction"].str.match("(higher|lower) in [012]").all()


def test_a_folder_of_old_has_shares_alone(folder, tmp_path):
    old = Path(shutil.copytree(folder, tmp_path / "small"))
    (old / "univariate.json").unlink()
    write_report(old)
    table = pd.read_csv(old / "features.csv")
    assert list(table.columns[:3]) == ["feature", "name", "share_search"]
    assert len(feature_section(read_results(old)).table.rows) == 20
    for path in old.glob("runs/*/metrics.json"):
        metrics = json.loads(path.read_text())
        del metrics["n_columns"]
        path.write_text(json.dumps(metrics))
    assert features_text(read_results(old)) is None
    assert not feature_section(read_results(old)).table.rows
