import numpy as np

from vaega.data._dataset import Dataset, write_card


def dataset(**changes):
    X = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [3.0, 5.0, 1.0]])
    return Dataset.from_arrays(X, ["b", "a", "b"], name="toy", **changes)


def test_the_card_tells_what_is_to_be_known():
    toy = dataset(
        X_test=[[1, 2, 3]],
        y_test=["a"],
        relevant=[True, False, False],
        origin="a paper",
        licence="CC0",
        notes=["one thing was changed"],
    )
    card = write_card(toy)
    for fact in (
        "3 rows x 3 features",
        "1 row, official",
        "2: a 1/1, b 2/0 (training/test)",
        "2 values",
        "2 columns in training",
        "1 of 3 features",
        "a paper",
        "CC0",
        "note: one thing was changed",
        toy.fingerprint[:12],
    ):
        assert fact in card
    assert card.startswith("toy\n")
    assert card == toy.card()


def test_absent_facts_are_said_to_be_absent():
    card = dataset(groups=[1, 1, 2]).card()
    assert "none official" in card
    assert "2 groups of rows" in card
    assert "licence      not stated" in card
    assert "relevant" not in card
    assert "2: a 1, b 2\n" in card
