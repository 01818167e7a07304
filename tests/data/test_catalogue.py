import numpy as np
import pytest

from vaega.data._sources import KNOWN, describe_shapes, known_dataset


def test_every_entry_says_what_who_and_under_which_terms():
    for name, known in KNOWN.items():
        assert name == name.lower()
        assert known.title
        assert known.citation
        assert known.licence
        assert known.n_features > 0


def test_the_stand_in_says_that_it_is_none():
    assert "not GISETTE" in KNOWN["gisette_surrogate"].note
    assert KNOWN["gisette_surrogate"].openml is None


def test_another_number_of_columns_is_another_dataset():
    assert known_dataset("leukemia", 7129) is KNOWN["leukemia"]
    assert known_dataset("leukemia", 100) is None
    assert known_dataset("mine", 7129) is None


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ({"X": (3, 2), "y": (3,)}, "3 rows x 2 features"),
        ({"X_train": (3, 2), "X_test": (1, 2)}, "3 rows (+ 1 test rows) x 2 features"),
        ({"X": (3,)}, "arrays 'X'"),
        ({}, "not readable"),
    ],
)
def test_sizes_are_described(shapes, text):
    assert describe_shapes(shapes) == text


def test_the_catalogue_agrees_with_the_files(real_data):
    for name, known in KNOWN.items():
        path = real_data / f"{name}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as archive:
                assert archive["feature_names"].shape == (known.n_features,)
