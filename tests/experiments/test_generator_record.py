"""What is recorded of synthetic rows: training rows alone, the same again, small."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vaega import load_dataset
from vaega.data._preprocess import Preprocessor
from vaega.experiments.config import ArmConfig, ProtocolConfig
from vaega.experiments.generator_record import describe_generator
from vaega.experiments.protocols import HonestProtocol, SealedRows
from vaega.experiments.registry import make_sampler

GENERATORS = {
    "vae": {"hidden": [8], "latent": 3, "max_epochs": 5},
    "conditional_vae": {"hidden": [8], "latent": 1, "max_epochs": 5},
    "ppca": {"latent": 2},
    "class_gaussian": {},
    "smote": {},
}


def describe(kind, *, exchanged=False):
    data = load_dataset("sklearn:wine")
    trial = next(iter(HonestProtocol(ProtocolConfig(inner_folds=3)).trials(data, 0)))
    if exchanged:
        trial = replace(trial, test=SealedRows(np.full((9, 13), 1e6), np.zeros(9, dtype=int)))
    arm = ArmConfig(generator={"kind": kind, **GENERATORS[kind]}, amount=30)
    sampler = make_sampler(arm, 3, device="cpu", cache=None)
    record = describe_generator(trial, sampler, Preprocessor(["standardize"]))
    trial.test.open()  # nobody has
    return record


@pytest.mark.parametrize("kind", GENERATORS)
def test_figures_words_and_points(kind):
    record = describe(kind)
    assert len(record["words"]) >= 3
    assert (record["fit"] is not None) == (kind != "smote")
    assert bool(record["densities"]) == (kind != "smote")
    points = record["points"]
    assert points["space"] == ("rows" if kind == "smote" else "latent")
    assert len(points["real"]) == 83
    assert len(points["synthetic"]) == 150
    assert {code for _, _, code in points["synthetic"]} == {0, 1, 2}
    assert len(json.dumps(record, allow_nan=False)) < 30_000


def test_test_rows_change_nothing_and_the_seed_everything():
    first = describe("ppca")
    assert describe("ppca") == first
    assert describe("ppca", exchanged=True) == first


def test_what_cannot_be_measured_is_said_and_harms_nothing():
    class Nothing:
        def fit_resample(self, X, y):
            return X, y

        def get_params(self, deep=True):
            return {}

    data = load_dataset("sklearn:wine")
    trial = next(iter(HonestProtocol(ProtocolConfig(inner_folds=3)).trials(data, 0)))
    record = describe_generator(trial, Nothing(), Preprocessor([]))
    assert record["name"] == "Nothing"
    assert "must keep the rows given and add others" in record["error"]
