from pathlib import Path

import numpy as np
import pytest

from vaega.core.errors import InputError
from vaega.data._folds import Fold
from vaega.fitness._folds import FoldFiles, hash_fold, open_folds


@pytest.fixture
def folds(rng):
    y = np.array(["a", "b"] * 5)
    return [
        Fold(rng.random((10, 3)), y, rng.random((4, 3)), y[:4], columns=np.arange(3), n_real=8 + n)
        for n in range(2)
    ]


def test_folds_come_back_mapped(folds):
    files = FoldFiles(folds)
    for fold, back in zip(folds, open_folds(files.folder), strict=True):
        np.testing.assert_array_equal(back.X_fit, fold.X_fit)
        np.testing.assert_array_equal(back.y_validate, fold.y_validate)
        assert isinstance(back.X_fit, np.memmap)
        assert int(back.n_real) == fold.n_real
        assert hash_fold(back) is not None
    files.close()


def test_they_are_written_when_asked_for_and_removed_at_the_end(folds):
    files = FoldFiles(folds)
    files.close()
    folder = Path(files.folder)
    assert folder.is_dir()
    files.close()
    assert not folder.exists()


@pytest.mark.parametrize("part", ["X_fit", "y_fit", "X_validate", "y_validate", "columns"])
def test_the_digest_covers_every_part(folds, part):
    from dataclasses import replace

    changed = getattr(folds[0], part).copy()
    changed[0] = changed[1]
    assert hash_fold(replace(folds[0], **{part: changed})) != hash_fold(folds[0])
    assert hash_fold(replace(folds[0], n_real=5)) != hash_fold(folds[0])
    assert hash_fold(replace(folds[0])) == hash_fold(folds[0])


def test_labels_that_are_objects_have_no_digest(folds):
    from dataclasses import replace

    assert hash_fold(replace(folds[0], y_fit=folds[0].y_fit.astype(object))) is None


def test_labels_that_are_python_texts_are_texts_in_the_file():
    y = np.array(["no", "yes"], dtype=object)
    files = FoldFiles([Fold(np.zeros((2, 1)), y, np.zeros((2, 1)), y, np.arange(1), 2)])
    np.testing.assert_array_equal(open_folds(files.folder)[0].y_fit, y)
    files.close()


def test_labels_of_another_kind_have_no_file():
    y = np.array([("a", 1), None], dtype=object)
    files = FoldFiles([Fold(np.zeros((2, 1)), y, np.zeros((2, 1)), y, np.arange(1), 2)])
    with pytest.raises(InputError, match=r"labels must be numbers or texts .* got tuple"):
        files.folder  # noqa: B018
    files.close()
