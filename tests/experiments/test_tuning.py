"""Tuning: studies that stop and go on, spaces, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from vaega.core.errors import ConfigError, InputError, MissingExtraError, ResultsError
from vaega.data._dataset import Dataset
from vaega.data._sources import load_dataset
from vaega.experiments import tuning
from vaega.experiments.config import (
    GeneratorConfig,
    LabelsConfig,
    RangeConfig,
    TuneConfig,
    load_config,
    make_config,
)
from vaega.experiments.protocols import SealedRows
from vaega.experiments.registry import MODELS, SAMPLERS
from vaega.experiments.tuning import (
    DEFAULT_SPACES,
    Dimension,
    Objective,
    Study,
    make_space,
    tuned_config,
    write_study,
)

pytest.importorskip("optuna")
TINY = {"kind": "vae", "hidden": [8], "latent": 2, "max_epochs": 3}


def config(generator=None, **tune):
    return make_config(
        {
            "name": "tiny",
            "dataset": {"source": "sklearn:wine"},
            "preprocess": ["standardize"],
            "protocol": {"inner_folds": 2},
            "arms": {
                "original": {},
                "augmented": {"generator": generator or {"kind": "ppca"}, "n_synthetic": 9},
            },
            "fitness": {"classifier": "gaussian_nb"},
            "tune": {"trials": 5, **tune},
        }
    )


def wine():
    return load_dataset("sklearn:wine")


def figures(result):
    return result.table.drop(columns="seconds")


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
@pytest.mark.parametrize("objective", ["elbo", "score"])
def test_same_seed_same_study(tmp_path, sampler, objective):
    one, two = (
        Study(config(sampler=sampler, objective=objective), wine(), tmp_path / name).run()
        for name in "ab"
    )
    pd.testing.assert_frame_equal(figures(one), figures(two))
    assert one.value == one.table["value"].max()
    assert one.best["latent"] == one.table.loc[one.table["value"].idxmax(), "latent"]
    assert one.table["trial"].tolist() == list(range(1, len(one.table) + 1))


def test_seeds_and_jobs(tmp_path):
    one = Study(config(), wine(), tmp_path / "a").run()
    other = Study(config(seed=1), wine(), tmp_path / "a").run()
    jobs = Study(config(), wine(), tmp_path / "b", n_jobs=2).run()
    assert figures(one)["latent"].tolist() != figures(other)["latent"].tolist()
    pd.testing.assert_frame_equal(figures(one), figures(jobs))


def test_a_network_is_tuned(tmp_path):
    space = {"hidden": [[8], [8, 4]], "learning_rate": {"low": "1e-3", "high": 1e-2, "log": True}}
    result = Study(config(TINY, space=space), wine(), tmp_path).run()
    assert result.best["hidden"] in ([8], [8, 4])
    assert result.table["learning_rate"].between(1e-3, 1e-2).all()
    assert result.importances["importance"].sum() == pytest.approx(1.0)
    assert set(result.importances["parameter"]) == set(space)


def test_a_grid_visits_each_combination_once(tmp_path):
    space = {"latent": [1, 2, 3], "standardize": [True, False]}
    result = Study(config(sampler="grid", trials=50, space=space), wine(), tmp_path).run()
    seen = list(zip(result.table["latent"], result.table["standardize"], strict=True))
    assert len(seen) == len(set(seen)) == 6


def test_a_study_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole = Study(config(trials=14), wine(), tmp_path / "a").run()
    for trials in (3, 12, 14):
        part = Study(config(trials=trials), wine(), tmp_path / "b").run()
        assert len(part.table) == trials
    pd.testing.assert_frame_equal(figures(whole), figures(part))


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_an_interrupted_trial_is_drawn_again(tmp_path, monkeypatch, sampler):
    whole = Study(config(sampler=sampler, trials=3), wine(), tmp_path / "a").run()
    plain, calls = Objective.measure, []

    def interrupted(self, arm):
        calls.append(arm)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(self, arm)

    monkeypatch.setattr(Objective, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Study(config(sampler=sampler, trials=3), wine(), tmp_path / "b").run()
    again = Study(config(sampler=sampler, trials=3), wine(), tmp_path / "b").run()
    pd.testing.assert_frame_equal(figures(whole), figures(again))
    assert calls[1] == calls[2]


def test_a_killed_process_loses_one_trial(tmp_path):
    whole = Study(config(TINY, trials=4, space={"latent": [2, 3, 4, 5]}), wine(), tmp_path / "a")
    expected = whole.run()
    path = tmp_path / "tiny.yaml"
    content = whole.config.model_dump(by_alias=True, exclude_unset=True, mode="json")
    path.write_text(yaml.safe_dump({**content, "tune": whole.tune.model_dump(mode="json")}))
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(path), str(tmp_path / "b")],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(2):
        process.stdout.readline()
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    result = Study(whole.config, wine(), tmp_path / "b").run()
    pd.testing.assert_frame_equal(figures(expected), figures(result))


SLOW = """
import sys, time
from pathlib import Path
from vaega.data._sources import load_dataset
from vaega.experiments.config import load_config
from vaega.experiments.tuning import Study
from vaega.experiments.tuning import Objective
plain = Objective.measure
def slow(self, arm):
    print("trial", flush=True)
    time.sleep(0.5)
    return plain(self, arm)
Objective.measure = slow
Study(load_config(Path(sys.argv[1])), load_dataset("sklearn:wine"), Path(sys.argv[2])).run()
"""


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_two_processes_do_not_share_a_study(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "study.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ResultsError, match="another process runs this study"):
        Study(config(trials=1), wine(), tmp_path).run()
    holder.communicate("go\n", timeout=30)
    Study(config(trials=1), wine(), tmp_path).run()


def test_no_test_row_is_touched(tmp_path, monkeypatch):
    def opened(self):
        raise AssertionError("test rows were read")

    monkeypatch.setattr(SealedRows, "open", opened)
    for objective in ("elbo", "score"):
        data = wine()
        settings = config(objective=objective)
        plain = Study(settings, data, tmp_path / objective)
        real = plain.objective.trial
        test = ~(data.X[:, None] == real.X[None]).all(axis=2).any(axis=1)
        assert 40 < test.sum() < 70
        X = data.X.copy()
        X[test] = np.random.default_rng(0).normal(1e6, 1e3, size=X[test].shape)
        other = Study(settings, _with_rows(data, X), tmp_path / f"{objective}-other")
        pd.testing.assert_frame_equal(figures(plain.run()), figures(other.run()))


def _with_rows(data, X):
    return Dataset(
        name=data.name, X=X, y=data.y, feature_names=data.feature_names,
        class_names=data.class_names,
    )  # fmt: skip


def test_validate_rows_stay_real(tmp_path, monkeypatch):
    seen = []
    plain = tuning.Objective._prepared

    def recorded(self, sampler, split, seed):
        fold = plain(self, sampler, split, seed)
        seen.append((len(fold.X_fit), len(split.train), len(fold.X_validate), len(split.test)))
        return fold

    monkeypatch.setattr(Objective, "_prepared", recorded)
    Study(config(objective="score", trials=1), wine(), tmp_path).run()
    assert seen
    for fit, train, validate, test in seen:
        assert (fit, validate) == (train + 9, test)


def test_a_trial_that_cannot_be_fitted_is_no_end(tmp_path, monkeypatch):
    plain = Objective.measure

    def sometimes(self, arm):
        if arm.generator.latent < 4:
            raise InputError("VAE: training diverged.")
        return plain(self, arm)

    monkeypatch.setattr(Objective, "measure", sometimes)
    space = {"latent": [2, 4, 5]}
    result = Study(config(sampler="grid", space=space), wine(), tmp_path).run()
    assert result.table["state"].tolist() == ["failed", "done", "done"]
    assert result.table["error"].iloc[0] == "VAE: training diverged."
    assert result.best["latent"] in (4, 5)
    with pytest.raises(InputError, match="no trial could be fitted; the first one: VAE: training"):
        Study(config(sampler="grid", space={"latent": [1, 2]}), wine(), tmp_path).run()


def test_the_same_parameters_are_measured_once(tmp_path, monkeypatch):
    calls = []
    plain = Objective.measure
    monkeypatch.setattr(Objective, "measure", lambda self, arm: calls.append(1) or plain(self, arm))
    result = Study(config(space={"latent": [2, 3]}, trials=8), wine(), tmp_path).run()
    assert len(calls) <= 2
    assert len(result.table) == 8


def test_other_settings_are_another_study(tmp_path):
    names = {
        Study(settings, wine(), tmp_path).name
        for settings in (
            config(), config(seed=1), config(sampler="grid"), config(objective="score"),
            config(space={"latent": [3]}), config(trials=9), config({"kind": "class_gaussian"},
            space={"standardize": [True, False]}),
        )
    }  # fmt: skip
    assert len(names) == 6  # how many trials there are in all is no other study


def test_a_damaged_store_is_one_sentence(tmp_path):
    (tmp_path / "study.sqlite3").write_text("no database" * 100)
    with pytest.raises(ResultsError, match=r"study\.sqlite3: cannot be used as a study"):
        Study(config(), wine(), tmp_path).run()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"arm": "original"}, r"tune.arm: must be an arm that has a generator \(augmented\)"),
        ({"arm": "none"}, "tune.arm: must be an arm"),
        ({"space": {"widths": [3]}}, "tune.space.widths: is no known key"),
        ({"space": {"latent": {"low": 0, "high": 5}}}, "tune.space.latent: must be a whole number"),
        ({"space": {"latent": [2, "many"]}}, "tune.space.latent: must be 'auto' or a whole number"),
    ],
)
def test_bad_settings_are_one_sentence(tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        Study(config(**settings), wine(), tmp_path)


@pytest.mark.parametrize("kind", ["autoencoder", "smote", "jitter"])
def test_what_has_no_density_is_tuned_by_score(tmp_path, kind):
    generator = {**TINY, "kind": kind} if kind == "autoencoder" else {"kind": kind}
    with pytest.raises(ConfigError, match=f"generator {kind} has no density; use score"):
        Study(config(generator), wine(), tmp_path)
    result = Study(config(generator, objective="score", trials=1), wine(), tmp_path).run()
    assert 0.0 < result.value <= 1.0


def test_without_optuna_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"^vaega tune: .*the package optuna, .* tune\.$"):
        Study(config(), wine(), tmp_path)


def test_the_best_configuration_is_valid_and_finds_its_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "rows.csv").write_text("a,class\n1,x\n2,y\n")
    settings = config().model_copy(update={"name": "mine"})
    (tmp_path / "configs" / "classes.csv").write_text("id,class\n1,x\n2,y\n")
    labels = LabelsConfig(file="classes.csv")
    dataset = settings.dataset.model_copy(update={"source": "rows.csv", "labels": labels})
    settings = settings.model_copy(update={"dataset": dataset})
    out = tmp_path / "deep" / "er"
    text = tuned_config(settings, "augmented", {"latent": 3}, beside=tmp_path / "configs", out=out)
    out.mkdir(parents=True)
    (out / "best.yaml").write_text(text)
    tuned = load_config(out / "best.yaml")
    assert tuned.arms["augmented"].generator.latent == 3
    assert tuned.name == "mine-tuned"
    assert (out / tuned.dataset.source).is_file()
    assert (out / tuned.dataset.labels.file).is_file()
    assert text.startswith("# Tuned on inner folds")


def test_tables_are_written(tmp_path):
    study = Study(config(trials=2), wine(), tmp_path)
    result = study.run()
    write_study(result, tmp_path)
    assert (
        pd.read_csv(tmp_path / "trials.csv")["latent"].tolist() == result.table["latent"].tolist()
    )
    assert (tmp_path / "importances.csv").read_text().startswith("parameter,importance")
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_the_section_is_no_part_of_a_run():
    assert "tune" not in json.dumps(config(trials=7).model_dump(mode="json"))


optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize("kind", DEFAULT_SPACES)
def test_default_spaces_are_allowed_by_their_generators(kind):
    space = make_space(GeneratorConfig(kind=kind), None)
    assert space.size() > 1
    assert len(list(space.grid())) == space.size()


@pytest.mark.parametrize("kind", sorted({*MODELS, *SAMPLERS} - set(DEFAULT_SPACES)))
def test_a_kind_without_default_says_what_can_be_named(kind):
    with pytest.raises(ConfigError, match=f"tune.space: generator {kind} has no default, name"):
        make_space(GeneratorConfig(kind=kind), None)


@pytest.mark.parametrize(
    ("values", "points"),
    [
        (RangeConfig(low=1, high=9), [1, 5, 9]),
        (RangeConfig(low=1, high=2), [1, 2]),
        (RangeConfig(low=0.0, high=1.0, points=2), [0.0, 1.0]),
        (RangeConfig(low=1e-4, high=1e-2, log=True), pytest.approx([1e-4, 1e-3, 1e-2])),
        ((3, "auto"), [3, "auto"]),
    ],
)
def test_points_of_a_grid(values, points):
    assert Dimension("key", values).points() == points


def test_values_drawn_are_values_allowed():
    given = {
        "hidden": ((8,), (8, 4)),
        "latent": RangeConfig(low=2, high=9, log=True),
        "beta": RangeConfig(low=0.5, high=1.0),
        "norm": ("batch", None),
    }
    space = make_space(GeneratorConfig(kind="vae"), given)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for grid in (False, True):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        drawn = [space.suggest(study.ask(), grid=grid) for _ in range(20)]
        assert {type(params["latent"]) for params in drawn} == {int}
        assert {str(params["hidden"]) for params in drawn} == {"[8]", "[8, 4]"}
        assert {params["norm"] for params in drawn} == {"batch", None}
        assert all(0.5 <= params["beta"] <= 1.0 for params in drawn)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"latent": {"low": 5, "high": 5}}, "low must be below high"),
        ({"latent": {"low": 0, "high": 5, "log": True}}, "low must be above 0 where log is true"),
        ({"latent": {"low": "few", "high": 5}}, "must be a number, got 'few'"),
        ({"latent": {"low": True, "high": 5}}, "must be a number"),
        ({"latent": {"low": 1}}, "high"),
        ({"latent": 5}, "must be a list of values, or low and high, got 5"),
        ({"latent": []}, r"must be a list of values, or low and high, got \[\]"),
        ({"latent": {"low": 1, "high": 5, "points": 1}}, "greater than or equal to 2"),
    ],
)
def test_bad_spaces(space, words):
    with pytest.raises(ValueError, match=words):
        TuneConfig(space=space)
