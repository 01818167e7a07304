"""examples/datasets.py: sources in the formats of the originals give the sets that are expected.

The originals are not here. Stand-ins in their formats are: small ones, whose digests are made for
the test, and, where the sets are at hand, files written back from these, with the real digests.
"""

import gzip
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vaega import load_dataset

PATH = Path(__file__).parents[1] / "examples/datasets.py"
_spec = importlib.util.spec_from_file_location("datasets_example", PATH)
datasets = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(datasets)


def write_arff(path, X, y, names):
    heads = "".join(f"@ATTRIBUTE {name} REAL\n" for name in names)
    rows = "".join(
        ",".join(map(str, [*row, label])) + "\n" for row, label in zip(X, y, strict=True)
    )
    classes = ",".join(sorted(set(y)))
    path.write_text(f"@RELATION dataset\n\n{heads}@ATTRIBUTE class {{{classes}}}\n\n@DATA\n{rows}")


def write_leukemia(folder, arrays):
    for part, shape in (("train", "38x7129"), ("test", "34x7129")):
        path = folder / f"leukemia_{part}_{shape}.arff"
        write_arff(path, arrays[f"X_{part}"], arrays[f"y_{part}"], arrays["feature_names"])


def write_madelon(folder, arrays):
    for part, name in (("train", "train"), ("test", "valid")):
        np.savetxt(folder / f"madelon_{name}.data", arrays[f"X_{part}"], fmt="%d", newline=" \n")
        np.savetxt(folder / f"madelon_{name}.labels", arrays[f"y_{part}"].astype(int), fmt="%d")


def write_gcm1363(folder, arrays):
    code_of = {tumour: code for code, tumour in datasets.TUMOURS.items()}
    lines = ["\t".join(["GENES", *(code_of[label] for label in arrays["y_train"])])]
    for name, values in zip(arrays["feature_names"], arrays["X_train"].T, strict=True):
        lines.append("\t".join([name, *map(str, values.tolist())]))
    (folder / "ramaswamy-2001_database.txt").write_text("\n".join(lines) + "\n")


def write_idx(path, array):
    shape = np.array(array.shape, dtype=">u4").tobytes()
    content = bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, compresslevel=1))


def write_mnist49(folder, arrays):
    """Among other digits, each in its order, as in the original."""
    for part, name in (("train", "train"), ("test", "t10k")):
        X, y = arrays[f"X_{part}"].reshape(-1, 28, 28), arrays[f"y_{part}"].astype(int)
        X, y = np.vstack([X[:3] * 0, X]), np.r_[[7, 1, 7], y]
        mixed = np.argsort(np.arange(len(y)) % 50, kind="stable")
        mixed[np.argsort(y[mixed], kind="stable")] = np.argsort(y, kind="stable")
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", X[mixed])
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", y[mixed])


WRITERS = {
    "leukemia": write_leukemia,
    "madelon": write_madelon,
    "gcm1363": write_gcm1363,
    "mnist49": write_mnist49,
}


@pytest.fixture
def small(monkeypatch, tmp_path, rng):
    """Sources of few rows at file: addresses, and a recipe that expects them."""
    n_features = {"leukemia": 5, "madelon": 500, "gcm1363": 4, "mnist49": 784}
    labels = {
        "leukemia": ["ALL", "AML"], "madelon": ["-1", "1"], "gcm1363": ["Breast", "CNS"],
        "mnist49": ["4", "9"],
    }  # fmt: skip

    def make(name):
        arrays = {"feature_names": np.array([f"g{i}/at" for i in range(n_features[name])])}
        for part in ("train", "test"):
            arrays[f"X_{part}"] = rng.integers(0, 200, size=(6, n_features[name]))
            arrays[f"y_{part}"] = np.repeat(labels[name], 3)
        folder = tmp_path / "sources"
        folder.mkdir()
        WRITERS[name](folder, arrays)
        recipe = datasets.RECIPES[name]
        files = [folder / address.rpartition("/")[2] for address in recipe.addresses]
        np.savez(tmp_path / "expected.npz", **recipe.arrays(*files))
        expected = load_dataset(tmp_path / "expected.npz")
        recipe = replace(
            recipe,
            addresses=tuple(path.as_uri() for path in files),
            n_rows=6,
            n_features=n_features[name],
            fingerprint=expected.fingerprint,
        )
        monkeypatch.setitem(datasets.RECIPES, name, recipe)
        return arrays

    return make


@pytest.mark.parametrize("name", WRITERS)
def test_a_set_is_made_of_its_sources(name, small, tmp_path, capsys):
    arrays = small(name)
    assert datasets.main([name, "--out", str(tmp_path / "data")]) is None
    data = load_dataset(tmp_path / f"data/{name}.npz")
    np.testing.assert_array_equal(data.X, arrays["X_train"])
    assert data.labels.tolist() == arrays["y_train"].tolist()
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f"{name}.npz"]


def test_a_folder_with_downloads_needs_no_network(small, tmp_path, monkeypatch):
    small("madelon")
    monkeypatch.setattr(datasets.urllib.request, "urlopen", None)
    words = ["madelon", "--out", str(tmp_path), "--sources", str(tmp_path / "sources")]
    assert datasets.main(words) is None
    assert load_dataset(tmp_path / "madelon.npz").n_rows == 6


def test_other_values_are_refused_and_nothing_is_left(small, tmp_path):
    small("madelon")
    recipe = replace(datasets.RECIPES["madelon"], fingerprint="0" * 64)
    datasets.RECIPES["madelon"] = recipe
    said = datasets.main(["madelon", "--out", str(tmp_path / "data")])
    assert said.startswith("datasets: madelon: the digest of the values must be 000000000000...")
    assert not list((tmp_path / "data").iterdir())


def test_another_shape_is_refused(small, tmp_path):
    small("leukemia")
    datasets.RECIPES["leukemia"] = replace(datasets.RECIPES["leukemia"], n_rows=38)
    said = datasets.main(["leukemia", "--out", str(tmp_path)])
    assert "must have 38 rows x 5 features, got 6 x 5" in said


def test_an_address_that_is_gone_is_said(small, tmp_path):
    small("madelon")
    (tmp_path / "sources/madelon_train.data").unlink()
    said = datasets.main(["madelon", "--out", str(tmp_path)])
    assert said.startswith("datasets: ")
    assert "\n" not in said


@pytest.mark.parametrize("name", WRITERS)
def test_the_digest_is_that_of_the_set(name, real_data, tmp_path):
    with np.load(real_data / f"{name}.npz", allow_pickle=False) as arrays:
        WRITERS[name](tmp_path, dict(arrays))
    made = datasets.make(name, out=tmp_path / "data", sources=tmp_path)
    assert load_dataset(made).fingerprint == load_dataset(real_data / f"{name}.npz").fingerprint


def test_the_digest_of_yeohs_data(real_data, tmp_path, monkeypatch):
    """From the two tables that R's file has; the reader of that format is not asked here."""
    with np.load(real_data / "all_leukemia_yeoh6.npz", allow_pickle=False) as arrays:
        parts = {
            "train": (arrays["X_train"].astype(float), arrays["y_train"]),
            "test": (arrays["X_test_uncapped"], arrays["y_test"]),
        }
    tables = {}
    for part, (X, y) in parts.items():
        codes = [str(datasets.SUBTYPES.index(label) + 1) for label in y]
        tables[f"ALL_{part}"] = pd.DataFrame(X).assign(Class=pd.Categorical(codes))
    monkeypatch.setitem(sys.modules, "pyreadr", SimpleNamespace(read_r=lambda path: tables))
    made = load_dataset(datasets.make("all_leukemia_yeoh6", out=tmp_path, sources=tmp_path))
    here = load_dataset(real_data / "all_leukemia_yeoh6.npz")
    np.testing.assert_array_equal(made.X_test, here.X_test)
    assert made.labels.tolist() == here.labels.tolist()


def test_an_unknown_name_is_refused(tmp_path):
    said = datasets.main(["iris"])
    assert said.startswith("datasets: a set must be one of leukemia, madelon")
    assert said.endswith("got 'iris'.")
