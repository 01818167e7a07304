"""What is no measurement, or may leak: what is said of it, and of what nothing is said."""

import numpy as np
import pytest

from vaega.data._dataset import Dataset
from vaega.data._leakage import (
    date_columns,
    equal_rows,
    identifier_columns,
    leakage_notes,
    numbering_columns,
    separated_by_chance,
    separating_columns,
)
from vaega.data._sources import load_dataset

N = 40
SORTED = np.repeat([0, 1], N // 2)
DAYS = np.datetime64("2019-03-01") + np.random.default_rng(9).integers(0, 700, N)


@pytest.fixture
def mixed(rng):
    return rng.permutation(SORTED)


def table(column, rng, n_noise=5):
    """Return rows with a column in question among noise."""
    column = np.asarray(column, dtype=float)
    return np.insert(rng.normal(size=(len(column), n_noise)), 2, column, axis=1)


def notes_on(column, y, rng, name="asked"):
    X = table(column, rng)
    names = [f"g{i}" for i in range(X.shape[1])]
    names[2] = name
    return leakage_notes(X, y, names)


def as_number(days, order):
    return [int("".join(str(day).split("-")[part] for part in order)) for day in days]


NUMBERS = {
    "from zero": np.arange(N),
    "with an offset": 834 + np.arange(N),
    "falling": 900.0 - np.arange(N),
    "by tens": 10 * np.arange(N),
    "by halves": 0.5 * np.arange(N),
    "with gaps": np.cumsum(np.random.default_rng(1).integers(1, 9, N)),
    "without some": np.delete(np.arange(N + 3), [4, 5, 20]),
    "below zero": np.arange(N) - 20,
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_a_running_number_is_named_with_its_remedy(numbers, mixed, rng):
    (note,) = notes_on(numbers, mixed, rng)
    assert note.startswith(("Column 'asked' numbers the rows (", "Column 'asked' rises with every"))
    assert f"({numbers[0]:g} to {numbers[-1]:g})" in note
    assert "says nothing of a new row. Leave it out with ignore: [asked]." in note
    assert "classes" not in note


def test_a_running_number_that_separates_sorted_classes_is_said_once(rng):
    (note,) = notes_on(834 + np.arange(N), SORTED, rng)
    assert "numbers the rows (834 to 873) and alone tells the classes apart" in note


@pytest.mark.parametrize("first", [0, 1, 834])
def test_a_running_number_in_disorder_is_named(first, mixed, rng):
    (note,) = notes_on(first + rng.permutation(N), mixed, rng)
    assert f"numbers the rows, not in order ({first} to {first + N - 1})" in note


DATES = {
    "yyyymmdd": as_number(DAYS, [0, 1, 2]),
    "ddmmyyyy": as_number(DAYS, [2, 1, 0]),
    "yyyymm": as_number(DAYS, [0, 1]),
    "seconds since 1970": DAYS.astype("datetime64[s]").astype(float) + 3661.0 * np.arange(N),
    "milliseconds since 1970": DAYS.astype("datetime64[ms]").astype(float),
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_are_named(kind, mixed, rng):
    (note,) = notes_on(DATES[kind], mixed, rng)
    assert note.startswith("Column 'asked' holds dates (")
    assert f", {kind}): when it was measured says nothing of a new row." in note


def test_dates_may_be_missing(mixed, rng):
    dates = np.array(DATES["yyyymmdd"], dtype=float)
    dates[::3] = np.nan
    (note,) = notes_on(dates, mixed, rng)
    assert "holds dates" in note


@pytest.mark.parametrize(
    "name", ["id", "ID", "patient_id", "patientID", "Sample number", "subject no.", "MRN", "case"]
)
def test_what_is_called_an_identifier_is_one(name, mixed, rng):
    (note,) = notes_on(rng.choice(10**5, N, replace=False), mixed, rng, name)
    assert f"Column {name!r} is an identifier by its name (40 numbers in 40 rows)" in note
    assert notes_on(rng.normal(size=N), mixed, rng, name) == ()  # a measurement all the same
    assert notes_on(rng.integers(0, 2, N), mixed, rng, name) == ()


def test_an_identifier_that_repeats_may_be_groups(mixed, rng):
    (note,) = notes_on(np.repeat(rng.permutation(20) + 300, 2), mixed, rng, "patient_id")
    assert "(20 numbers in 40 rows)" in note
    assert "or name it in groups if rows with the same one belong together." in note


@pytest.mark.parametrize("most", [2**32, 2**53, 10**7])
def test_large_whole_numbers_that_all_differ_look_like_identifiers(most, mixed, rng):
    numbers = rng.integers(most // 10, most, N)
    (note,) = notes_on(numbers, mixed, rng)
    assert f"looks like an identifier ({numbers.min()} to {numbers.max()}, all different)" in note


MEASURED = {
    "counts": np.random.default_rng(2).poisson(3, N),
    "large counts": np.random.default_rng(2).poisson(4000, N),
    "platelets": np.random.default_rng(2).choice(np.arange(150, 400), N, replace=False) * 1000,
    "0/1": np.arange(N) % 2,
    "ages": np.random.default_rng(3).choice(np.arange(18, 90), N, replace=False),
    "ages in a row": 20 + np.random.default_rng(3).permutation(N),
    "sorted ages": np.sort(np.random.default_rng(4).integers(18, 80, N)),
    "sorted times": np.sort(np.random.default_rng(4).integers(0, 300, N)) / 10.0,
    "sorted values": np.sort(np.random.default_rng(4).normal(size=N)),
    "years": np.random.default_rng(5).integers(1930, 2000, N),
    "constant": np.full(N, 20190301.0),
    "missing": np.full(N, np.nan),
    "two visits": np.where(np.arange(N) % 2, 20190301.0, 20200301.0),
    "eight digits": np.random.default_rng(6).integers(10_000_000, 99_999_999, N) // 10 * 10,
}


@pytest.mark.parametrize("measured", MEASURED.values(), ids=MEASURED)
def test_measurements_are_left_in_peace(measured, mixed, rng):
    assert notes_on(measured, mixed, rng) == ()


@pytest.mark.parametrize("name", ["ID1", "acid", "lipid", "COVID", "cell number", "case fatality"])
def test_names_that_only_sound_alike(name, mixed, rng):
    assert notes_on(rng.choice(10**4, N, replace=False), mixed, rng, name) == ()


def test_tables_made_of_one_kind_are_left_in_peace(mixed, rng):
    names = [f"g{i}" for i in range(200)]
    ranks = rng.normal(size=(N, 200)).argsort(axis=0)
    curves = np.arange(N)[:, None] * np.arange(1, 201)
    intensities = np.round(10 ** rng.normal(8, 1, size=(N, 200)))
    for made in (ranks, curves, intensities):
        X = made.astype(float)
        assert numbering_columns(X, names) == []
        assert identifier_columns(X, names) == []
        assert date_columns(X) == []


def test_few_rows_rise_by_chance(rng):
    X = rng.integers(0, 1000, size=(8, 50_000)).astype(float)
    names = [f"g{i}" for i in range(50_000)]
    steps = np.sign(np.diff(X, axis=0))
    assert (np.abs(steps.sum(axis=0)) == 7).any()
    assert leakage_notes(X, np.arange(8) % 2, names) == ()


@pytest.mark.parametrize("labels", [SORTED, np.arange(N) % 4])
def test_columns_whose_classes_do_not_overlap(labels, rng):
    X = rng.normal(size=(N, 6))
    X[:, 1] += 100 * labels
    X[:, 4] -= 100.0 * labels
    X[:, 5] = (labels * 7) % 3  # values of its own for each class, or not
    expected = [1, 4, 5] if labels is SORTED else [1, 4]
    assert separating_columns(X, labels).tolist() == expected


def test_a_column_that_separates_is_told_with_what_chance_does(mixed, rng):
    (note,) = notes_on(100 * mixed + rng.normal(size=N), mixed, rng, "Zyxin")
    assert note.startswith("Column 'Zyxin' alone tells the classes apart without error; chance ")
    assert "accounts for 9e-11 such among 6 columns. A strong marker does so" in note
    assert note.endswith("If it is the latter, leave it out with ignore: [Zyxin].")


def test_many_columns_that_separate_are_one_note(mixed, rng):
    X = rng.normal(size=(N, 300)) + 100.0 * mixed[:, None] * (np.arange(300) < 60)
    (note,) = leakage_notes(X, mixed, [f"g{i}" for i in range(300)])
    assert note.startswith("60 columns ('g0', 'g1', 'g2' and 57 more) each tell the classes apart")
    assert "classes that were measured apart" in note


def test_what_chance_separates_is_no_note(rng):
    y = np.repeat([0, 1], 4)
    X = rng.normal(size=(8, 2000))
    assert len(separating_columns(X, y)) > 20
    assert leakage_notes(X, y, [f"g{i}" for i in range(2000)]) == ()


def test_the_chance_to_separate_is_that_of_the_orders(rng):
    y = np.array([0, 0, 1, 1, 1])
    X = rng.normal(size=(5, 50_000))
    chance = separated_by_chance(y)
    assert chance == pytest.approx(2 / 10)
    assert len(separating_columns(X, y)) / 50_000 == pytest.approx(chance, abs=0.01)
    assert separated_by_chance(np.array([0, 1, 2, 2])) == pytest.approx(6 * 2 / 24)
    doubled, groups = np.repeat(y, 3), np.repeat(np.arange(5), 3)
    assert separated_by_chance(doubled, groups) == pytest.approx(chance)


def test_patients_count_and_not_their_rows(rng):
    y, groups = np.repeat([0, 1], 30), np.repeat(np.arange(6), 10)
    X = rng.normal(size=(6, 500))[groups] + 1e-3 * rng.normal(size=(60, 500))
    names = [f"g{i}" for i in range(500)]
    assert len(leakage_notes(X, y, names)) == 1
    assert leakage_notes(X, y, names, groups=groups) == ()


def test_copied_rows_are_counted_with_the_first(mixed, rng):
    X = rng.normal(size=(N, 5))
    X[10, 0] = np.nan
    X = np.vstack([X, X[[3, 10]], -0.0 * X[:1] + X[:1]])
    labels = np.append(mixed, [mixed[3], mixed[10], 1 - mixed[0]])
    (note,) = leakage_notes(X, labels, list("abcde"))
    assert note.startswith("3 rows repeat another in every column (rows 0 and 42, counted from 0; ")
    assert "; 1 with another class): where one is a test row, it was seen in training." in note
    assert note.endswith("Keep one of each, or give groups.")
    assert [rows.tolist() for rows in equal_rows(X)] == [[0, 42], [3, 40], [10, 41]]


def test_a_copy_with_a_number_of_its_own_is_one(mixed, rng):
    X = np.column_stack([np.arange(N), rng.normal(size=(N, 5))])
    X[9, 1:] = X[4, 1:]
    test = X[[3]]
    test[0, 0] = 99
    number, copy, tested = leakage_notes(X, mixed, ["id", *"abcde"], X_test=test)
    assert number.startswith("Column 'id' numbers the rows")
    assert copy.startswith("1 row repeats another in all other columns (rows 4 and 9, ")
    assert tested.startswith("1 official test row repeats")


def test_copies_within_a_group_are_no_news(mixed, rng):
    X = rng.normal(size=(N, 5))
    X[1] = X[0]
    groups = np.arange(N) // 2
    assert leakage_notes(X, mixed, list("abcde"), groups=groups) == ()
    assert len(leakage_notes(X, mixed, list("abcde"), groups=np.arange(N))) == 1


def test_copies_in_the_official_test_part_are_told(mixed, rng):
    X = rng.normal(size=(N, 100))
    test = np.vstack([rng.normal(size=(3, 100)), X[[7, 8]]])
    (note,) = leakage_notes(X, mixed, [f"g{i}" for i in range(100)], X_test=test)
    assert note.startswith("2 official test rows repeat a training row in every column")


def test_rows_of_few_values_are_equal_by_chance(rng):
    X = rng.integers(0, 2, size=(200, 5)).astype(float)
    assert equal_rows(X)
    assert leakage_notes(X, rng.integers(0, 2, 200), list("abcde")) == ()


def test_copied_columns_are_counted_with_the_first(mixed, rng):
    X = rng.normal(size=(N, 50))
    X[:, 40] = X[:, 3]
    X[:, [5, 6]] = 1.0  # no measurement, and no copy
    (note,) = leakage_notes(X, mixed, [f"g{i}" for i in range(50)])
    assert note.startswith("1 column repeats another in every row ('g3' and 'g40')")


def test_rare_mutations_are_equal_by_chance(rng):
    X = (rng.random((60, 2000)) < 0.02).astype(float)
    assert len(equal_rows(X.T)) > 20
    assert leakage_notes(X, np.arange(60) % 2, [f"g{i}" for i in range(2000)]) == ()


@pytest.mark.parametrize(
    ("name", "word"),
    [("207", "'207'"), ("no", "'no'"), ("visit date", "'visit date'"), ("a.b", "a.b")],
)
def test_the_remedy_can_be_pasted_into_a_configuration(name, word, mixed, rng):
    (note,) = notes_on(np.arange(N), mixed, rng, name)
    assert note.endswith(f"ignore: [{word}].")


REAL = {
    "leukemia": ["Column 'X95735_at' alone tells the classes apart"],  # zyxin, which is a marker
    "gcm1363": ["53 columns repeat another in every row"],
    "all_leukemia_yeoh6": [],
    "madelon": [],
    "mnist49": [],
}


@pytest.mark.parametrize("name", REAL)
def test_of_real_data_nothing_false_is_said(real_data, name):
    dataset = load_dataset(real_data / f"{name}.npz")
    found = leakage_notes(dataset.X, dataset.y, dataset.feature_names, X_test=dataset.X_test)
    assert [note[: len(start)] for note, start in zip(found, REAL[name], strict=True)] == REAL[name]


def test_of_the_sets_of_scikit_learn_a_copied_flower_is_said():
    for name in ("wine", "breast_cancer", "digits"):
        assert load_dataset(f"sklearn:{name}").notes == ()
    (note,) = load_dataset("sklearn:iris").notes
    assert note.startswith(
        "1 row repeats another in every column (rows 101 and 142, counted from 0)"
    )


def test_a_dataset_has_the_notes_on_its_card(rng):
    X = table(np.arange(N), rng)
    dataset = Dataset.from_arrays(X, SORTED, feature_names=["a", "b", "samples", "c", "d", "e"])
    (note,) = dataset.notes
    assert note.startswith("Column 'samples' numbers the rows (0 to 39)")
    card = dataset.card()
    assert "  note: Column 'samples' numbers the rows (0 to 39) and alone tells the" in card
    assert max(map(len, card.splitlines())) <= 80


def test_rows_and_labels_that_do_not_fit_are_refused_first(rng):
    with pytest.raises(ValueError, match="y must have one value for each of the 40 rows"):
        Dataset.from_arrays(table(np.arange(N), rng), SORTED[:-1])
