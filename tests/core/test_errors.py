"""Errors carry their fields, from another process too."""

import pickle

from vaega.core.errors import InputError, MissingExtraError, first_line


def test_errors_come_back_from_another_process_whole():
    error = InputError.of("VAE", "latent", "must be a whole number, at least 1", 0)
    missing = MissingExtraError(owner="data.parquet", package="pyarrow", extra="parquet")
    broken = MissingExtraError.of_import(
        ImportError("no\nname"), owner="data.parquet", package="pyarrow", extra="parquet"
    )
    for sent in (error, missing, broken):
        received = pickle.loads(pickle.dumps(sent))  # noqa: S301  what joblib does
        assert (type(received), str(received)) == (type(sent), str(sent))
        assert vars(received) == vars(sent)


def test_the_first_line_of_an_error():
    assert first_line(ValueError("one\ntwo")) == "one"
