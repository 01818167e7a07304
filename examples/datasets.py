"""Make the npz files that the configurations name, from public sources.

    python examples/datasets.py                      # which sets, from where, how large
    python examples/datasets.py leukemia madelon     # into ./data, where vaega looks for them
    python examples/datasets.py mnist49 --out FOLDER --sources DOWNLOADS

With ``--sources`` the files are taken from a folder in which they were put by hand, under the last
part of their addresses, and nothing is fetched. A set is written only if its rows, its columns and
the digest of its values are those of the set that the results here were computed with.
"""

import argparse
import gzip
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vaega import load_dataset

GITHUB = "https://raw.githubusercontent.com/"
EALAB = GITHUB + "castillosebastian/ealab/99fd1727805d7caeec9f74b10b727af610a91b7d/data/"
UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/madelon/"
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
BICLUSTLIB = GITHUB + "padilha/biclustlib/bfadbd6944cc3b5b297e4018dd1437ddfb1f589f/"
MLROB = GITHUB + "valentint/mlrob/84722419d6864a45a4503ba09d0fb5fec1fb14b7/"

TUMOURS = {
    "BR": "Breast", "PR": "Prostate", "LU": "Lung", "CR": "Colorectal", "LY": "Lymphoma",
    "ML": "Melanoma", "BL": "Bladder", "UT": "Uterus_Adeno", "LE": "Leukemia", "RE": "Renal",
    "PA": "Pancreas", "OV": "Ovary", "ME": "Mesothelioma", "CNS": "CNS",
}  # fmt: skip
SUBTYPES = ["BCR-ABL", "E2A-PBX1", "Hyperdip>50", "MLL", "T-ALL", "TEL-AML1"]
LARGEST_CALL = 45_000  # the training values of Yeoh's data are cut there, the test values are not


@dataclass(frozen=True)
class Recipe:
    """Where a set comes from, how its arrays are made, and what has to come out."""

    addresses: tuple[str, ...]
    arrays: Callable[..., dict[str, np.ndarray]]
    n_rows: int
    n_features: int
    fingerprint: str


def leukemia(train, test):
    train, test = load_dataset(train, target="class"), load_dataset(test, target="class")
    return {
        "X_train": train.X.astype(np.int32), "y_train": train.labels,
        "X_test": test.X.astype(np.int32), "y_test": test.labels,
        "feature_names": np.array(train.feature_names),
    }  # fmt: skip


def madelon(train, train_labels, valid, valid_labels):
    def numbers(path):
        return np.loadtxt(path, dtype=np.int16)

    return {
        "X_train": numbers(train), "y_train": numbers(train_labels).astype(str),
        "X_test": numbers(valid), "y_test": numbers(valid_labels).astype(str),
        "feature_names": np.array([f"att_{column}" for column in range(1, 501)]),
    }  # fmt: skip


def gcm1363(path):
    header = path.read_text(encoding="utf-8").splitlines()[0].split("\t")[1:]
    genes = pd.read_csv(path, sep="\t", skiprows=1, header=None, index_col=0)
    return {
        "X_train": genes.to_numpy(np.float32).T,
        "y_train": np.array([TUMOURS[code] for code in header]),
        "feature_names": np.array(genes.index, dtype=str),
    }


def mnist49(train, train_labels, test, test_labels):
    names = [f"px_r{row}_c{column}" for row in range(28) for column in range(28)]
    parts = {"train": (train, train_labels), "test": (test, test_labels)}
    arrays = {"feature_names": np.array(names)}
    for part, (images, labels) in parts.items():
        X, y = idx_array(images), idx_array(labels)
        kept = np.concatenate([np.flatnonzero(y == digit) for digit in (4, 9)])
        arrays |= {f"X_{part}": X[kept].reshape(len(kept), -1), f"y_{part}": y[kept].astype(str)}
    return arrays


def idx_array(path):
    """Read the format of MNIST: two zeros, a code for bytes, the number of axes, their lengths."""
    content = gzip.decompress(path.read_bytes())
    n_axes = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=n_axes, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def all_leukemia_yeoh6(path):
    try:
        import pyreadr
    except ImportError:
        sys.exit("all_leukemia_yeoh6: R's format needs the package pyreadr: pip install pyreadr")
    tables = pyreadr.read_r(str(path))
    arrays = {}
    for part in ("train", "test"):
        table = tables[f"ALL_{part}"]
        values = table.drop(columns="Class").to_numpy()
        arrays[f"X_{part}"] = np.minimum(values, LARGEST_CALL).astype(np.float32)
        arrays[f"y_{part}"] = np.array([SUBTYPES[int(code) - 1] for code in table["Class"]])
    arrays["feature_names"] = np.array([f"V{column}" for column in range(1, 12_559)])
    return arrays


RECIPES = {
    "leukemia": Recipe(
        (EALAB + "leukemia_train_38x7129.arff", EALAB + "leukemia_test_34x7129.arff"),
        leukemia,
        *(38, 7129),
        "d51c840e3c48a6c67e75d80a54a35f143d73c30f26fd9321010b9c4a563147d5",
    ),
    "madelon": Recipe(
        (
            UCI + "MADELON/madelon_train.data",
            UCI + "MADELON/madelon_train.labels",
            UCI + "MADELON/madelon_valid.data",
            UCI + "madelon_valid.labels",
        ),
        madelon,
        *(2000, 500),
        "30ef22c7adbca0969a64b2422df362c007ca5ecd66d52e51a9b500c38ed4c4c5",
    ),
    "gcm1363": Recipe(
        (BICLUSTLIB + "biclustlib/datasets/data/cancer_benchmark/ramaswamy-2001_database.txt",),
        gcm1363,
        *(190, 1363),
        "fe92706de46e59b3c94ffbdc3354a8203ab3f4e261e58f3606cfd54e251bd81a",
    ),
    "mnist49": Recipe(
        (
            MNIST + "train-images-idx3-ubyte.gz",
            MNIST + "train-labels-idx1-ubyte.gz",
            MNIST + "t10k-images-idx3-ubyte.gz",
            MNIST + "t10k-labels-idx1-ubyte.gz",
        ),
        mnist49,
        *(11_791, 784),
        "08ce2a04731c8698207b753830c46070d20a28d279912e8fd295dd223d1f20f3",
    ),
    # Without names of probes, which the source has not: V1, V2, ... are its own names.
    "all_leukemia_yeoh6": Recipe(
        (MLROB + "data/Yeoh2002.rda",),
        all_leukemia_yeoh6,
        *(163, 12_558),
        "031fe49ccba1f8b22285e07876e08e6b36ba27e98e0fd6a09d8f0a42162be7e7",
    ),
}


def make(name, *, out, sources=None):
    """Write one set as ``OUT/NAME.npz`` and return its path."""
    recipe = RECIPES[name]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        files = [file_of(address, Path(folder), sources) for address in recipe.addresses]
        made = Path(folder) / f"{name}.npz"
        np.savez_compressed(made, **recipe.arrays(*files))
        check(made, recipe)
        return made.replace(out / made.name)


def file_of(address, folder, sources):
    """Return the path of a source: fetched into a folder, or put into `sources` by hand."""
    path = (sources or folder) / address.rpartition("/")[2]
    if sources is None:
        print(f"  {address}", flush=True)
        with urllib.request.urlopen(address, timeout=60) as answer:
            path.write_bytes(answer.read())
    return path


def check(path, recipe):
    data = load_dataset(path)
    if (data.n_rows, data.n_features) != (recipe.n_rows, recipe.n_features):
        raise ValueError(
            f"{path.stem}: the training part must have {recipe.n_rows} rows x {recipe.n_features} "
            f"features, got {data.n_rows} x {data.n_features}; the source is another one by now."
        )
    if data.fingerprint != recipe.fingerprint:
        raise ValueError(
            f"{path.stem}: the digest of the values must be {recipe.fingerprint[:12]}..., got "
            f"{data.fingerprint[:12]}...; the shape is right, the source is another one by now."
        )


def overview():
    for name, recipe in RECIPES.items():
        print(f"{name}: {recipe.n_rows} training rows x {recipe.n_features} features")
        print("".join(f"  {address}\n" for address in recipe.addresses), end="")
    print("name the sets to make, or all; --out says where, ./data without it")


def main(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all makes every one")
    parser.add_argument("--out", type=Path, default=Path("data"), help="where the files go")
    parser.add_argument("--sources", type=Path, help="a folder with the downloads")
    given = parser.parse_args(words)
    if not given.names:
        return overview()
    names = list(RECIPES) if "all" in given.names else given.names
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        return f"datasets: a set must be one of {', '.join(RECIPES)}, got {unknown[0]!r}."
    for name in names:
        print(name, flush=True)
        try:
            print(f"  written: {make(name, out=given.out, sources=given.sources)}")
        except (OSError, ValueError) as error:
            return f"datasets: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
