"""Small data under the names that the thesis's datasets are looked for."""

import numpy as np
import pytest

from vaega.thesis.reproduction import Request

N_FEATURES = 90
CLASSES = {
    "leukemia": 2,
    "madelon": 2,
    "gisette_surrogate": 2,
    "gcm1363": 3,
    "all_leukemia_yeoh6": 3,
}
OFFICIAL = ("leukemia", "madelon", "all_leukemia_yeoh6")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    for place, (name, n_classes) in enumerate(CLASSES.items()):
        rng = np.random.default_rng(place)
        # Of Gisette the smoke runs train on a twentieth.
        y = np.tile(np.arange(n_classes), 200 if name == "gisette_surrogate" else 20)
        X = rng.normal(size=(len(y), N_FEATURES)).astype(np.float32)
        X[:, :4] += y[:, None]
        labels = np.array(["a", "b", "c"])[y]
        arrays = {"X_train": X, "y_train": labels}
        if name in OFFICIAL:
            half = len(y) // 2
            arrays = {
                "X_train": X[:half], "y_train": labels[:half],
                "X_test": X[half:], "y_test": labels[half:],
            }  # fmt: skip
        np.savez_compressed(folder / f"{name}.npz", **arrays)
    return folder


@pytest.fixture
def request_for(tiny_data, tmp_path, monkeypatch):
    """Return a function that makes requests on the small data, at the scale smoke."""
    monkeypatch.setenv("VAEGA_DATA", str(tiny_data))
    return lambda **keys: Request(tmp_path / "out", **({"scale": "smoke"} | keys))


@pytest.fixture(scope="session")
def smoke_out(shared_folder):
    return shared_folder / "smoke"


@pytest.fixture
def smoke(tiny_data, smoke_out, monkeypatch):
    """Return a request whose runs all tests share: the first one computes them."""
    monkeypatch.setenv("VAEGA_DATA", str(tiny_data))
    return Request(smoke_out, scale="smoke")
