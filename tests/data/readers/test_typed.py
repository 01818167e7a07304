"""Tables of typed cells: Parquet and workbooks."""

import sys

import pandas as pd
import pytest

from vaega.core.errors import DataError, MissingExtraError
from vaega.data._tables import dataset_from_table
from vaega.data.readers._typed import read_parquet


def test_a_frame_comes_back_without_its_index(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"a": [1.0, None], "flag": [True, False], "class": ["x", "y"]})
    frame.index = ["r1", "r2"]
    frame.to_parquet(path)
    table = read_parquet(path)
    dataset = dataset_from_table(table, owner="t")
    assert table.names == ("a", "flag", "class")
    assert dataset.n_missing == 1
    assert dataset.X[:, 1].tolist() == [1, 0]


def test_junk_is_one_sentence_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as Parquet") as caught:
        read_parquet(path)
    assert "\n" not in str(caught.value)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaega\[parquet\]'"):
        read_parquet(tmp_path / "t.parquet")
