import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaega.core.errors import DataError, InputError
from vaega.data._splits import (
    Split,
    holdout_split,
    kfold_splits,
    leave_one_out_splits,
    official_split,
)

seeds = st.integers(0, 2**31)
class_sizes = st.lists(st.integers(3, 15), min_size=2, max_size=5)


def labels(sizes, seed=0):
    y = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(y)


def same(one, two):
    pairs = zip(one, two, strict=True)
    return all(
        np.array_equal(a.train, b.train) and np.array_equal(a.test, b.test) for a, b in pairs
    )


def check_partition(split, n_rows):
    assert split.train.dtype == split.test.dtype == np.intp
    assert sorted([*split.train, *split.test]) == list(range(n_rows))
    assert (np.diff(split.train) > 0).all()
    assert (np.diff(split.test) > 0).all()


def test_a_split_is_sorted_and_read_only():
    split = Split([3, 1], [2])
    assert split.train.tolist() == [1, 3]
    with pytest.raises(ValueError, match="read-only"):
        split.test[0] = 0


def test_the_official_split_is_training_then_test():
    split = official_split(3, 2)
    check_partition(split, 5)
    assert split.test.tolist() == [3, 4]
    with pytest.raises(InputError, match="n_test must be a whole number, at least 1"):
        official_split(3, 0)


@given(class_sizes, seeds, st.floats(0.05, 0.95))
def test_holdout_keeps_every_class_on_both_sides(sizes, seed, test_size):
    y = labels(sizes)
    split = holdout_split(y, test_size=test_size, seed=seed)
    check_partition(split, len(y))
    assert set(y[split.train]) == set(y[split.test]) == set(y)
    held = np.bincount(y[split.test])
    ideal = np.array(sizes) * test_size
    assert (np.abs(held - ideal) < 1 + 1e-9).all()
    if (ideal >= 1).all() and (np.array(sizes) - ideal >= 1).all():
        assert held.sum() == round(len(y) * test_size)


@given(seeds)
@settings(max_examples=20)
def test_holdout_depends_on_the_seed_alone(seed):
    y = labels([20, 20])
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert same([holdout_split(y, seed=seed)], [holdout_split(y, seed=seed)])
    assert not same([holdout_split(y, seed=seed)], [holdout_split(y, seed=seed + 1)])
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@given(class_sizes, seeds, st.integers(2, 3), st.integers(1, 3))
@settings(max_examples=40)
def test_every_row_is_tested_once_a_repeat_and_classes_are_spread(sizes, seed, n_splits, repeats):
    y = labels(sizes)
    splits = kfold_splits(y, n_splits=n_splits, n_repeats=repeats, seed=seed)
    assert len(splits) == n_splits * repeats
    for split in splits:
        check_partition(split, len(y))
        held = np.bincount(y[split.test], minlength=len(sizes))
        assert (np.abs(held - np.array(sizes) / n_splits) < 1).all()
    for repeat in range(repeats):
        folds = splits[repeat * n_splits : (repeat + 1) * n_splits]
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(y)))


def test_folds_depend_on_the_seed_and_repeats_differ():
    y = labels([15, 15])
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    splits = kfold_splits(y, n_repeats=2, seed=5)
    assert same(splits, kfold_splits(y, n_repeats=2, seed=5))
    assert same(splits[:5], kfold_splits(y, n_repeats=1, seed=5))
    assert not same(splits[:5], splits[5:])
    assert not same(splits, kfold_splits(y, n_repeats=2, seed=6))
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_labels_and_codes_split_alike():
    codes = labels([6, 6])
    names = np.array(["a", "b"])[codes]
    assert same(kfold_splits(codes, n_splits=3, seed=0), kfold_splits(names, n_splits=3, seed=0))


@given(seeds, st.integers(2, 4))
@settings(max_examples=25)
def test_groups_stay_together(seed, n_splits):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(16), rng.integers(1, 5, size=16))
    y = (groups % 2).astype(int)
    small = int(np.bincount(y).min())
    for split in [
        holdout_split(y, seed=seed, groups=groups),
        *kfold_splits(y, n_splits=min(n_splits, small), seed=seed, groups=groups),
    ]:
        check_partition(split, len(y))
        assert not set(groups[split.train]) & set(groups[split.test])
        assert set(y[split.train]) == {0, 1}


def test_a_grouped_holdout_is_near_its_size_and_stratified():
    groups = np.repeat(np.arange(40), 5)
    y = np.repeat(np.arange(40) % 2, 5)
    split = holdout_split(y, test_size=0.3, seed=0, groups=groups)
    assert np.bincount(y[split.test]).tolist() == [30, 30]


def test_grouped_folds_are_repeatable():
    groups, y = np.arange(30) // 3, labels([15, 15])
    one = kfold_splits(y, seed=1, n_splits=3, groups=groups)
    assert same(one, kfold_splits(y, seed=1, n_splits=3, groups=[f"p{g}" for g in groups]))


@pytest.mark.parametrize(
    ("sizes", "n_splits", "sentence"),
    [
        ((9, 3), 5, "at least 5 rows for 5 folds, got 3 in class 'AML'; .* possible is 3"),
        ((9, 1), 2, "at least 2 rows for 2 folds, got 1 in class 'AML'; no n_splits is possible"),
    ],
)
def test_a_small_class_is_one_sentence_with_the_way_out(sizes, n_splits, sentence):
    with pytest.raises(DataError, match=f"outer: every class needs {sentence}"):
        kfold_splits(
            labels(sizes), n_splits=n_splits, seed=0, class_names=("ALL", "AML"), owner="outer"
        )


def test_a_class_of_one_row_cannot_be_held_out():
    with pytest.raises(DataError, match=r"holdout: .* at least 2 rows .* got 1 in class '1'"):
        holdout_split(labels([9, 1]), seed=0)


@pytest.mark.parametrize("test_size", [0, 1.0, 0.0, -0.5, 5, "0.3", None, float("nan")])
def test_a_size_that_is_no_fraction_is_refused(test_size):
    with pytest.raises(InputError, match=r"test_size must be a fraction in \(0, 1\)"):
        holdout_split([0, 0, 1, 1], test_size=test_size, seed=0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_splits": 1}, "n_splits must be a whole number, at least 2"),
        ({"n_repeats": 0}, "n_repeats must be a whole number, at least 1"),
        ({"groups": [1, 2]}, r"groups must have one value for each of the 12 rows"),
        ({"groups": [0] * 6 + [1] * 6}, "3 folds need at least 3 groups of rows, got 2"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        kfold_splits([0, 1] * 6, **{"n_splits": 3, "seed": 0} | options)


@pytest.mark.parametrize("split", [holdout_split, kfold_splits])
def test_a_class_in_one_group_is_refused(split):
    y = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    groups = [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]
    options = {"n_splits": 2} if split is kfold_splits else {}
    with pytest.raises(DataError, match="rows of at least 2 groups, got 1 group in class '1'"):
        split(y, seed=0, groups=groups, **options)


def test_groups_that_cannot_be_parted_are_refused():
    # Three classes in three groups, each class in two of them: no way to have all on both sides.
    y = np.repeat([0, 1, 2, 0, 1, 2], [5, 5, 5, 1, 1, 1])
    groups = np.repeat([0, 1, 2, 1, 2, 0], [5, 5, 5, 1, 1, 1])
    with pytest.raises(DataError, match="the 3 groups cannot be parted"):
        holdout_split(y, seed=0, groups=groups)
    with pytest.raises(DataError, match=r"cannot be cut into 2 folds .* take fewer folds"):
        kfold_splits(y, n_splits=2, seed=0, groups=groups)
    for split in kfold_splits(y, n_splits=3, seed=0, groups=groups):
        assert set(y[split.train]) == {0, 1, 2}


@given(seeds, st.floats(0.05, 0.95))
@settings(max_examples=150)
def test_a_grouped_holdout_is_found_where_there_is_one(seed, test_size):
    rng = np.random.default_rng(seed)
    groups, y = rng.integers(5, size=20), rng.integers(3, size=20)
    table = np.array([np.bincount(y[groups == g], minlength=3) for g in np.unique(groups)])
    held = [
        table[np.array(mask, dtype=bool)].sum(axis=0)
        for mask in itertools.product([0, 1], repeat=len(table))
    ]
    possible = any((h > 0).all() and (h < table.sum(axis=0)).all() for h in held)
    if not possible:
        return
    split = holdout_split(y, test_size=test_size, seed=seed, groups=groups)
    assert set(y[split.train]) == set(y[split.test]) == {0, 1, 2}


@pytest.mark.parametrize("y", [[], [[0, 1]]])
def test_labels_must_be_one_dimensional(y):
    with pytest.raises(DataError, match="y must be one-dimensional"):
        holdout_split(y, seed=0)


@pytest.mark.parametrize("groups", [None, [7, 7, 9, 9, 5, 5, 3, 3]])
def test_one_is_left_out_at_a_time(groups):
    splits = leave_one_out_splits([0, 0, 1, 1, 0, 0, 1, 1], groups=groups)
    assert len(splits) == (8 if groups is None else 4)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(8))
    for split in splits:
        check_partition(split, 8)
        assert groups is None or len({groups[row] for row in split.test}) == 1


@pytest.mark.parametrize(
    ("y", "groups", "sentence"),
    [
        ([0, 0, 1], None, "at least 2 rows for leaving one out, got 1 in class '1'"),
        ([0, 0, 1, 1], [1, 2, 3, 3], "at least 2 groups, got 1 group in class '1'"),
        ([0, 0, 1, 1], [1, 2, None, 3], "groups must have a value for every row, got None in row"),
        ([0, 0, 1, 1], [1, 2, np.nan, 3], "groups must have a value .* got nan in row 2"),
        ([0, 0, 1, 1], ["a", "b", "", "a"], "groups must have a value .* got '' in row 2"),
    ],
)
def test_what_cannot_be_left_out_is_refused(y, groups, sentence):
    with pytest.raises(DataError, match=f"^leave-one-out: .*{sentence}"):
        leave_one_out_splits(y, groups=groups)


@pytest.mark.parametrize("n_groups", [3, 4, 6, 10])
def test_seeds_hold_out_different_groups(n_groups):
    y, groups = np.arange(60) % 2, np.arange(60) % n_groups
    groups = np.random.default_rng(1).permutation(groups)
    held, sizes = Counter(), []
    for seed in range(60):
        split = holdout_split(y, test_size=0.3, seed=seed, groups=groups)
        held.update(np.unique(groups[split.test]).tolist())
        sizes.append(len(split.test) / 60)
    assert set(held) == set(range(n_groups))  # each group is held out by some seed
    assert max(held.values()) < 4 * min(held.values())
    assert min(sizes) >= 0.15
    assert max(sizes) <= 0.45


def test_no_seed_holds_out_a_group_of_most_rows():
    groups = np.repeat(np.arange(12), [60] + [5] * 11)
    for seed in range(30):
        test = holdout_split(groups % 2, test_size=0.3, seed=seed, groups=groups).test
        assert 0.2 <= len(test) / len(groups) <= 0.4


@pytest.mark.parametrize("n_groups", [10, 20, 30, 60])
def test_a_small_class_keeps_its_share_where_groups_are_many(n_groups):
    rng = np.random.default_rng(3)
    groups = rng.integers(n_groups, size=6 * n_groups)
    y = (rng.random(6 * n_groups) < 0.15).astype(int)
    largest = max(y[groups == group].sum() for group in range(n_groups)) / y.sum()
    for seed in range(30):
        share = y[holdout_split(y, test_size=0.3, seed=seed, groups=groups).test].sum() / y.sum()
        assert abs(share - 0.3) <= max(0.25 * 0.3, 0.5 * largest) + 1e-9


def test_a_class_keeps_two_groups_for_inner_folds():
    sizes = np.random.default_rng(2).integers(4, 12, size=8)
    groups = np.repeat(np.arange(8), sizes)  # each of one class
    y = groups % 2
    for seed in range(60):
        train = holdout_split(y, test_size=0.3, seed=seed, groups=groups).train
        assert [len(np.unique(groups[train][y[train] == label])) >= 2 for label in (0, 1)] == [1, 1]
        for split in kfold_splits(y[train], n_splits=2, seed=seed, groups=groups[train]):
            assert set(y[train][split.test]) == {0, 1}
