import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vaega.core.errors import ConfigError
from vaega.core.terminal import terminal_table
from vaega.data._sources import load_dataset
from vaega.experiments.config import make_config
from vaega.report._quality import arm_table, compare_quality, measure_arms, write_quality

CONFIG = {
    "name": "wine",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"kind": "honest", "outer": "holdout", "test_size": 0.3, "inner_folds": 3},
    "arms": {
        "original": {},
        "vae": {"generator": {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 20},
                "n_synthetic": 90},
        "smote": {"generator": {"kind": "smote"}, "n_synthetic": 90},
    },
    "fitness": {"classifier": "gaussian_nb"},
}  # fmt: skip


def measure(**more):
    config = make_config(CONFIG)
    return measure_arms(config, load_dataset("sklearn:wine"), device="cpu", cache=None, **more)


@pytest.fixture(scope="module")
def measured():
    return measure()


def test_every_arm_with_a_generator_is_measured(measured):
    assert [arm.name for arm in measured] == ["vae", "smote"]
    assert [arm.report.n_synthetic for arm in measured] == [90, 90]
    assert measured[0].report.labels == load_dataset("sklearn:wine").class_names


def test_preprocessing_and_generator_see_fit_rows_only(measured):
    rows = measured[0].drawn.rows
    assert rows.X_fit.mean(axis=0) == pytest.approx(np.zeros(13), abs=1e-9)
    assert rows.X_fit.std(axis=0) == pytest.approx(np.ones(13))
    assert np.abs(rows.X_test.mean(axis=0)).max() > 1e-3
    assert len(rows.X_fit) + len(rows.X_test) == 178


def test_arms_share_their_rows(measured):
    vae, smote = (arm.drawn.rows for arm in measured)
    assert np.array_equal(vae.X_test, smote.X_test)
    first = [arm.report.scores.iloc[0].tolist() for arm in measured]
    assert first[0] == first[1]  # trained and tested on real rows


def test_the_same_again(measured):
    (again,) = measure(names=["vae"])
    assert again.report.to_json(columns=True) == measured[0].report.to_json(columns=True)


def test_columns_have_their_names(measured):
    names = measured[0].report.columns["name"].tolist()
    assert names == list(load_dataset("sklearn:wine").feature_names)


def test_the_comparison_has_an_arm_a_column(measured):
    table = compare_quality(measured)
    assert list(table.columns) == ["figure", "real", "vae", "smote"]
    line = table.set_index("figure").loc["log likelihood of held-out rows a column"]
    assert line["smote"] == "–"
    assert float(line["vae"]) < 0
    assert not table.isna().any(axis=None)


def test_the_table_fits_eighty_columns(measured):
    screen = io.StringIO()
    Console(file=screen, width=80).print(terminal_table(arm_table(measured, title="wine")))
    assert "…" not in screen.getvalue()


def test_the_folder_has_all(measured, tmp_path):
    write_quality(tmp_path, measured, title="Quality")
    assert measured[0].report.verdict in (tmp_path / "quality.md").read_text(encoding="utf-8")
    for arm in ("vae", "smote"):
        assert json.loads((tmp_path / arm / "report.json").read_text(encoding="utf-8"))
        assert len(pd.read_csv(tmp_path / arm / "columns.csv")) == 13
        assert (tmp_path / arm / "figures" / "components.svg").is_file()
    assert (tmp_path / "vae" / "figures" / "losses.png").is_file()
    assert not (tmp_path / "smote" / "figures" / "losses.png").exists()


@pytest.mark.parametrize("name", ["original", "gan"])
def test_an_arm_without_generator_is_refused(name):
    with pytest.raises(ConfigError, match=r"an arm with a generator \(vae, smote\), got"):
        measure(names=[name])


def test_nothing_to_measure_is_said():
    config = make_config({**CONFIG, "arms": {"original": {}}})
    with pytest.raises(ConfigError, match="none has a generator"):
        measure_arms(config, load_dataset("sklearn:wine"))


def test_the_observer_hears_each_arm():
    heard = []
    measure(names=["smote"], observer=heard.append)
    assert heard == ["smote"]
