"""AnnData's files, written here as anndata writes them."""

import sys

import numpy as np
import pytest
from scipy import sparse

from vaega import load_dataset
from vaega.core.errors import DataError, MissingExtraError
from vaega.data.readers._h5ad import read_h5ad

h5py = pytest.importorskip("h5py")
X = np.array([[1, 0, 2], [0, 0, 3], [4, 5, 0], [0, 1, 1]], dtype=np.float32)
TEXT = h5py.string_dtype()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.h5ad"


def write(path, X=X, n_obs=4, **more):
    with h5py.File(path, "w") as file:
        if sparse.issparse(X):
            group = file.create_group("X")
            group.attrs["encoding-type"] = f"{X.format}_matrix"
            group.attrs["shape"] = X.shape
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(X, key)
        else:
            file["X"] = X
        obs, var = file.create_group("obs"), file.create_group("var")
        for group, prefix, n in ((obs, "cell", n_obs), (var, "gene", 3)):
            group.attrs["_index"] = "names"
            group["names"] = np.array([f"{prefix}{i}" for i in range(n)], dtype=TEXT)
        kind = obs.create_group("kind")
        kind["codes"] = np.arange(n_obs, dtype=np.int8) % 2
        kind["categories"] = np.array(["T", "B"], dtype=TEXT)
        obs["depth"] = np.arange(n_obs)
        batch = obs.create_group("batch")
        batch["values"], batch["mask"] = np.arange(n_obs), np.arange(n_obs) == 0
        for key, value in more.items():
            file[key] = value
    return path


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_every_layout_of_x_is_read(path, layout):
    data = load_dataset(write(path, layout(X)), target="kind")
    assert data.X.tolist() == X.tolist()
    assert data.labels.tolist() == ["T", "B", "T", "B"]
    assert data.feature_names == ("gene0", "gene1", "gene2")
    assert any("sparse matrix is held in full" in note for note in data.notes) == (
        layout is not np.asarray
    )


def test_what_is_sparse_is_read_sparse(path):
    table = read_h5ad(write(path, sparse.csc_matrix(X)))
    assert table.cells.format == "csr"
    assert table.rows == ("cell0", "cell1", "cell2", "cell3")


def test_columns_of_obs_are_no_features(path):
    data = load_dataset(write(path), target="kind", groups="depth", ignore=["gene1"])
    assert data.groups.tolist() == [0, 1, 2, 3]
    assert data.feature_names == ("gene0", "gene2")
    assert any("no features: 'batch'" in note for note in data.notes)


def test_missing_codes_and_masks_are_missing(path):
    write(path)
    with h5py.File(path, "a") as file:
        file["obs/kind/codes"][1] = -1
    with pytest.raises(DataError, match=r"1 missing \(rows 1, counted from 0\) in column 'kind'"):
        load_dataset(path, target="kind")
    with pytest.raises(DataError, match=r"needs a target value, got 1 missing \(rows 0"):
        load_dataset(path, target="batch")


def test_labels_may_come_from_a_second_file(path, tmp_path):
    (tmp_path / "c.csv").write_text("cell,class\ncell3,a\ncell0,b\ncell1,a\ncell2,b\n")
    data = load_dataset(write(path, sparse.csr_matrix(X)), labels=tmp_path / "c.csv")
    assert data.labels.tolist() == ["b", "a", "b", "a"]


@pytest.mark.parametrize("n_versions_ago", [1, 2])
def test_files_of_older_versions_are_read(path, n_versions_ago):
    with h5py.File(path, "w") as file:
        file["X"] = X
        genes = np.array([(b"g0",), (b"g1",), (b"g2",)], dtype=[("index", "S2")])
        if n_versions_ago == 2:  # arrays of records
            cells = [(b"c%d" % i, [b"T", b"B"][i % 2]) for i in range(4)]
            file["obs"] = np.array(cells, dtype=[("index", "S2"), ("kind", "S1")])
            file["var"] = genes
        else:  # codes whose categories stand apart
            for name, index in (("obs", [b"c0", b"c1", b"c2", b"c3"]), ("var", [b"a", b"b", b"c"])):
                file[f"{name}/_index"] = np.array(index)
            file["obs/kind"] = np.array([0, 1, 0, 1], dtype=np.int8)
            file["obs/__categories/kind"] = np.array([b"T", b"B"])
    assert load_dataset(path, target="kind").labels.tolist() == ["T", "B", "T", "B"]


def test_other_matrices_are_named(path):
    data = load_dataset(write(path, **{"layers/counts": X}), target="kind")
    assert data.notes[0] == "X is read, other matrices are not ('layers')."


def test_what_is_no_annotated_matrix_is_one_sentence(path):
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as an AnnData file"):
        read_h5ad(path)
    with h5py.File(path, "w") as file:
        file["counts"] = X
    with pytest.raises(DataError, match="must hold X, obs and var, got 'counts'"):
        read_h5ad(path)
    with pytest.raises(DataError, match=r"each of the 5 entries of obs .* got shape \(4, 3\)"):
        read_h5ad(write(path, n_obs=5))
    with pytest.raises(DataError, match="few values are 'kind'"):
        load_dataset(write(path))


def test_without_h5py_the_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'h5py', .* extra h5ad"):
        read_h5ad(path)


def test_an_index_out_of_bounds_is_refused(path):
    write(path, sparse.csr_matrix(X))
    with h5py.File(path, "a") as file:
        file["X/indices"][0] = 10_000
    with pytest.raises(DataError, match="cannot be read as an AnnData file"):
        read_h5ad(path)
