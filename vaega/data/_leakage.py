"""Leakage: columns that are no measurement, columns that tell the classes apart, copies.

A row number or a date is a number like any other, and a search takes it where the classes stand in
order in the file. `leakage_notes` says what is seen of that kind, a sentence or two each; nothing
is refused or left out.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import lgamma

import numpy as np
import scipy

# A finding is told where chance would make fewer of its kind in the whole table.
_RARE = 0.01
_LEAST_ROWS = 8  # fewer rows show nothing
_HEAD = 32  # rows that rule most columns out before all rows are looked at
_SHOWN = 3  # names of a note; a kind of column that is more frequent is what the table is made of,
_MANY = 10  # and for kinds that chance hardly makes, this many


def leakage_notes(
    X: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    *,
    groups: np.ndarray | None = None,
    X_test: np.ndarray | None = None,
) -> tuple[str, ...]:
    r"""Say what in training rows is no measurement, or may leak.

    Parameters
    ----------
    X : float64 array of shape (n_rows, n_features)
        Training rows; NaN is missing.
    y : int64 array of shape (n_rows,)
        Class codes.
    names : sequence of str
        Of the columns.
    groups : int64 array of shape (n_rows,), optional
        Rows that belong together: copies among them are none, and chance counts groups.
    X_test : float64 array of shape (n_test_rows, n_features), optional
        Official test rows, which may be copies of training rows.

    Returns
    -------
    tuple of str
        Each names the column or the rows, what was seen, why it matters and the remedy.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([np.arange(834, 874), rng.normal(size=(40, 3))])
    >>> notes = leakage_notes(X, np.arange(40) % 2, ["samples", "a", "b", "c"])
    >>> print(*notes[0].split(". "), sep="\n")
    Column 'samples' numbers the rows (834 to 873): the place in a file says nothing of a new row
    Leave it out with ignore: [samples].
    """
    if len(X) < _LEAST_ROWS:
        return ()
    first = {finding.column: finding for finding in no_measurements(X, names)}
    apart = separating_columns(X, y).tolist()
    parts, where = [part for part in (X, X_test) if part is not None], "every column"
    if 0 < len(first) < X.shape[1]:  # a copy has a number of its own
        parts, where = [np.delete(part, list(first), axis=1) for part in parts], "all other columns"
    return (
        *(first[column].note(names, column in apart) for column in sorted(first)),
        *_separation_note(X, y, names, [one for one in apart if one not in first], groups),
        *_row_notes(parts, y, groups, where),
        *_column_note(X, names),
    )


def no_measurements(X: np.ndarray, names: Sequence[str]) -> list["Finding"]:
    """Return the columns that number, date or identify the rows, each once."""
    if len(X) < _LEAST_ROWS:
        return []
    found = [*numbering_columns(X, names), *date_columns(X), *identifier_columns(X, names)]
    first = {finding.column: finding for finding in reversed(found)}
    return [first[column] for column in sorted(first)]


@dataclass(frozen=True)
class Finding:
    """A column that is no measurement."""

    column: int
    what: str  # What it is seen to be
    why: str  # Why no model should use it
    remedy: str = ""  # Beside leaving it out

    def note(self, names: Sequence[str], tells_apart: bool) -> str:
        """Return what is said of the column."""
        name = names[self.column]
        also = " and alone tells the classes apart" if tells_apart else ""
        return (
            f"Column {name!r} {self.what}{also}: {self.why}. "
            f"{_leave_out([name], 'Leave it out')}{self.remedy}."
        )


# Numbers of rows


def numbering_columns(X: np.ndarray, names: Sequence[str]) -> list[Finding]:
    """Find columns that rise or fall with every row, and running numbers in another order."""
    n_rows, n_columns = X.shape
    why = "the place in a file says nothing of a new row"
    log_orders = lgamma(n_rows + 1.0)
    in_order, in_disorder = _monotone_columns(X), _permutations(X, names)
    found: list[Finding] = []
    # Of the n! orders of n values two are sorted; and many such columns are a table of curves.
    rare = np.log(2.0 * n_columns) - log_orders < np.log(_RARE)
    if rare and len(in_order) <= min(_MANY, max(_SHOWN, n_columns // 2)):
        found += [
            Finding(column, f"{_order(X[:, column])} ({_ends(X[[0, -1], column])})", why)
            for column in in_order
        ]
    # Of n numbers from n values, n! / n^n have none twice; and many such columns are ranks.
    rare = np.log(n_columns) + log_orders - n_rows * np.log(n_rows) < np.log(_RARE)
    if rare and len(in_disorder) <= _SHOWN:
        found += [
            Finding(column, f"numbers the rows, not in order ({_ends(_range(X[:, column]))})", why)
            for column in sorted(set(in_disorder) - set(in_order))
        ]
    return found


def _monotone_columns(X: np.ndarray) -> list[int]:
    """Return columns that go one way from row to row, by whole numbers or by equal steps."""
    columns = _going_one_way(X[:_HEAD], np.arange(X.shape[1]))
    columns = _going_one_way(X, columns)
    steps = np.diff(X[:, columns], axis=0)
    equal = np.ptp(steps, axis=0) <= 1e-6 * np.abs(steps).max(axis=0)
    return [int(column) for column in columns[equal | _are_whole(X[:, columns])]]


def _order(values: np.ndarray) -> str:
    steps = np.diff(values)
    if (steps == np.median(steps)).mean() > 0.5:  # but for the numbers of rows that are gone
        return "numbers the rows"
    return f"{'rises' if steps[0] > 0 else 'falls'} with every row, as running numbers do"


def _going_one_way(X: np.ndarray, columns: np.ndarray) -> np.ndarray:
    steps = np.diff(X[:, columns], axis=0)
    return columns[(steps > 0).all(axis=0) | (steps < 0).all(axis=0)]


def _permutations(X: np.ndarray, names: Sequence[str]) -> list[int]:
    """Return columns that hold the whole numbers from one to another, each once."""
    low, high = X.min(axis=0), X.max(axis=0)
    columns = np.flatnonzero(high - low == len(X) - 1)
    columns = columns[(np.diff(np.sort(X[:, columns], axis=0), axis=0) == 1.0).all(axis=0)]
    # The ages of forty people may be the numbers from 20 to 59.
    return [
        int(column)
        for column in columns[_are_whole(X[:, columns])]
        if low[column] <= 1 or high[column] > 120 or _is_called_identifier(names[column])
    ]


# Dates

Split = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
# Year, month and day of whole numbers; a month alone has the day 1.
_DATES: dict[str, Split] = {
    "yyyymmdd": lambda values: (values // 10_000, values // 100 % 100, values % 100),
    "ddmmyyyy": lambda values: (values % 10_000, values // 10_000 % 100, values // 1_000_000),
    "yyyymm": lambda values: (values // 100, values % 100, np.ones_like(values)),
}
_TIMES = {"seconds since 1970": 1.0, "milliseconds since 1970": 1e3}
_FEWEST_DATES = 5  # different ones: of numbers at random one in thirty has a month and a day


def date_columns(X: np.ndarray) -> list[Finding]:
    """Find columns of dates, written as a number, or of times since 1970."""
    columns = _columns_from(X, 190_001)
    found = [
        (column, kind)
        for kind, split in _DATES.items()
        for column in columns[_are_dates(X[:_HEAD, columns], split).all(axis=0)]
        if _are_dates(X[:, column], split).all()
    ]
    found += [
        (column, kind)
        for column in _far_off(X, columns)
        for kind, unit in _TIMES.items()
        if _are_times(X[:, column], unit)
    ]
    why = "when it was measured says nothing of a new row"
    return [
        Finding(int(column), f"holds dates ({_ends(_range(X[:, column]))}, {kind})", why)
        for column, kind in found
        if len(_values(X[:, column])) >= _FEWEST_DATES
    ]


def _are_dates(values: np.ndarray, split: Split) -> np.ndarray:
    """Tell which values are dates, or missing."""
    short = values < 1e8
    years, months, days = split(np.where(short, values, 0.0).astype(np.int64))
    known = (years >= 1900) & (years <= 2100) & (months >= 1) & (months <= 12)
    return np.isnan(values) | (short & known & (days >= 1) & (days <= 31))


def _are_times(values: np.ndarray, unit: float) -> bool:
    """Tell whether values are times from 1990 on, rounded to hours or not at all."""
    values = _values(values)
    first, last = (datetime(year, 1, 1, tzinfo=UTC).timestamp() * unit for year in (1990, 2040))
    hours, hundreds = values % (3600.0 * unit) == 0.0, values % (100.0 * unit) == 0.0
    within = first <= values[0] and values[-1] <= last
    return bool(within and (hours.all() or not hundreds.all()))


# Identifiers

_OWNERS = "sample|patient|subject|participant|case|specimen|donor|record|observation|row"
_IDENTIFIERS = re.compile(
    rf"(.*[^a-z])?(id|identifier|uuid|guid|mrn)"
    rf"|(.*[^a-z])?({_OWNERS})[^a-z]*((code|key)[^a-z]*)?(number|num|no|nr|index)\.?"
    rf"|{_OWNERS}|index|barcode|accession|unnamed: \d+"
)
_FEWEST_VALUES = 10
_LARGE = 1e5  # from here on hardly a measurement has all of its digits


def identifier_columns(X: np.ndarray, names: Sequence[str]) -> list[Finding]:
    """Find columns of whole numbers that are called an identifier, or look like one.

    The latter all differ, are not rounded and are far larger than the numbers of all other columns:
    a large count stands among other counts.
    """
    why = "who a row is says nothing of a new row"
    found = []
    whole = np.flatnonzero(_are_whole(X[:_HEAD]))
    for column in [int(column) for column in whole if _is_called_identifier(names[int(column)])]:
        n_values = len(_values(X[:, column]))
        if n_values >= _FEWEST_VALUES and _are_whole(X[:, [column]])[0]:
            what = f"is an identifier by its name ({n_values} numbers in {len(X)} rows)"
            repeated = ", or name it in groups if rows with the same one belong together"
            found.append(Finding(column, what, why, repeated if n_values < len(X) else ""))
    for column in _far_off(X, _columns_from(X, _LARGE)):
        values = X[:, column]
        unrounded = (values % 10.0 != 0.0).mean() > 0.5
        if unrounded and len(np.unique(values)) == len(values) >= _FEWEST_VALUES:
            what = f"looks like an identifier ({_ends(_range(values))}, all different)"
            found.append(Finding(int(column), what, why))
    return found


def _is_called_identifier(name: str) -> bool:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())  # patientID
    return _IDENTIFIERS.fullmatch(parted.lower()) is not None


# Columns that tell the classes apart


def separating_columns(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the columns in which the ranges of the classes do not overlap."""
    rows = [np.flatnonzero(y == label) for label in np.unique(y)]
    columns = np.arange(X.shape[1])
    for most in (_HEAD, len(X)):
        ranges = [_ranges(X[np.ix_(part[:most], columns)]) for part in rows]
        low, high = (np.stack(ends) for ends in zip(*ranges, strict=True))
        order = np.argsort(low, axis=0)
        low, high = (np.take_along_axis(ends, order, axis=0) for ends in (low, high))
        columns = columns[(high[:-1] < low[1:]).all(axis=0)]
    return columns


def _ranges(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X.min(axis=0), X.max(axis=0)


def separated_by_chance(y: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the probability that a column without a bearing on the classes tells them apart.

    Of the n! orders of n values that differ, k! n_1! ... n_k! have the classes one after the other;
    equal values make it less. Rows of a group that have the same class count as one.
    """
    if groups is not None:
        y = np.unique(np.column_stack([groups, y]), axis=0)[:, 1]
    counts = np.unique(y, return_counts=True)[1]
    log_apart = lgamma(len(counts) + 1.0) + sum(lgamma(count + 1.0) for count in counts)
    return float(np.exp(log_apart - lgamma(len(y) + 1.0)))


def _separation_note(
    X: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    columns: Sequence[int],
    groups: np.ndarray | None,
) -> tuple[str, ...]:
    expected = X.shape[1] * separated_by_chance(y, groups)
    if not columns or scipy.special.pdtrc(len(columns) - 1, expected) >= _RARE:
        return ()
    chosen = [names[column] for column in columns]
    chance = f"chance accounts for {expected:.1g} such among {X.shape[1]} columns"
    if len(columns) == 1:
        return (
            f"Column {chosen[0]!r} alone tells the classes apart without error; {chance}. A strong "
            "marker does so, and so does what was written down once the class was known. "
            f"{_leave_out(chosen, 'If it is the latter, leave it out')}.",
        )
    return (
        f"{len(columns)} columns ({_listed(chosen)}) each tell the classes apart without error; "
        f"{chance}. Strong markers do so, and so do classes that were measured apart, and what was "
        "written down once the class was known. "
        f"{_leave_out(chosen, 'If they are the latter, leave them out')}.",
    )


# Copies

_OFTENER = 3.0  # than chance, from which on equal rows are said


def _row_notes(
    parts: Sequence[np.ndarray], y: np.ndarray, groups: np.ndarray | None, where: str
) -> tuple[str, ...]:
    """Say which training rows are equal, and which official test rows, the second part, to them."""
    n_rows, sets = len(y), equal_rows(*parts)
    if groups is not None:
        sets = [rows for rows in sets if len(np.unique(groups[rows])) > 1]
    trained = [rows[rows < n_rows] for rows in sets]
    n_pairs = sum(len(rows) * (len(rows) - 1) // 2 for rows in trained)
    n_tested = sum(int((rows >= n_rows).sum()) for rows in sets if rows[0] < n_rows)
    if n_pairs + n_tested <= _OFTENER * _equal_by_chance(parts[0], n_pairs + n_tested):
        return ()
    copies = [rows for rows in trained if len(rows) > 1]
    notes = []
    if copies:
        first = " and ".join(map(str, copies[0][:2]))
        n_torn = sum(int((y[rows] != y[rows[0]]).sum()) for rows in copies)
        torn = f"; {n_torn} with another class" if n_torn else ""
        n_copies = sum(len(rows) - 1 for rows in copies)
        notes.append(
            f"{_counted(n_copies, 'row repeats', 'rows repeat')} another in {where} (rows "
            f"{first}, counted from 0{torn}): where one is a test row, it was seen in training. "
            "Keep one of each, or give groups."
        )
    if n_tested:
        notes.append(
            f"{_counted(n_tested, 'official test row repeats', 'official test rows repeat')} a "
            f"training row in {where}, so that it was seen in training. Leave such rows out."
        )
    return tuple(notes)


def equal_rows(*parts: np.ndarray) -> list[np.ndarray]:
    """Return the indices of each set of equal rows, in order of the first; NaN equals NaN.

    The rows of several parts, with the same columns, are counted through.
    """
    n_columns = parts[0].shape[1]
    some = np.unique(np.linspace(0, n_columns - 1, 2 * _HEAD).astype(int))
    rows = [row for part in parts for row in part]
    sets = []
    for alike in _with_equal_digest([cells for part in parts for cells in part[:, some]]):
        sets += [alike[part] for part in _with_equal_digest([rows[index] for index in alike])]
    return sorted(sets, key=lambda part: int(part[0]))


def _with_equal_digest(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    members: dict[bytes, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        cells = (row + 0.0).tobytes()  # -0.0 becomes 0.0
        members[blake2b(cells, digest_size=16).digest()].append(index)
    return [np.array(part) for part in members.values() if len(part) > 1]


def _equal_by_chance(X: np.ndarray, n_seen: int) -> float:
    """Return how many pairs of rows were equal if columns had no bearing on each other.

    The product over columns of the chance that two rows agree; it ends once it is far below what
    was seen.
    """
    n_pairs = len(X) * (len(X) - 1) / 2.0
    for column in X.T:
        if n_pairs < 0.01 * n_seen or not n_seen:
            break
        counts = np.unique(column, return_counts=True)[1]
        n_pairs *= float(((counts / len(X)) ** 2).sum())
    return n_pairs


def _column_note(X: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    sets = [part for part in equal_rows(X.T) if _hardly_equal_by_chance(X[:, part[0]], X.shape[1])]
    if not sets:
        return ()
    n_copies = sum(len(part) - 1 for part in sets)
    first = " and ".join(repr(names[column]) for column in sets[0][:2])
    return (
        f"{_counted(n_copies, 'column repeats', 'columns repeat')} another in every row ({first}): "
        "a search takes one or the other, which divides the votes. Leave one of each out.",
    )


def _hardly_equal_by_chance(column: np.ndarray, n_columns: int) -> bool:
    """Tell whether two columns of a table with the values of this one, shuffled, hardly agree.

    Mutations that one patient has are the counterexample: there are as many such columns as rows.
    """
    counts = np.unique(column, return_counts=True)[1]
    log_orders = lgamma(len(column) + 1.0) - sum(lgamma(count + 1.0) for count in counts)
    return bool(2.0 * np.log(n_columns) - log_orders < np.log(_RARE))


# Checks and words that several findings share


def _are_whole(X: np.ndarray) -> np.ndarray:
    """Tell which columns hold whole numbers alone, missing values aside: bool (p,)."""
    whole: np.ndarray = ((np.floor(X) == X) | np.isnan(X)).all(axis=0)
    return whole


def _columns_from(X: np.ndarray, least: float) -> np.ndarray:
    """Return the columns of whole numbers from `least` on, missing values aside."""
    columns = np.flatnonzero(np.fmin.reduce(X, axis=0) >= least)
    for rows in (X[:_HEAD], X):
        columns = columns[_are_whole(rows[:, columns])]
    return columns


def _far_off(X: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return those of the columns that are far above all but three columns of the table."""
    sizes = np.nan_to_num(np.fmax.reduce(np.abs(X[:_HEAD]), axis=0))
    far = 10.0 * np.sort(sizes)[max(0, len(sizes) - 1 - _SHOWN)]
    return columns[sizes[columns] > far]


def _values(column: np.ndarray) -> np.ndarray:
    """Return the different values of a column, in order, without missing ones."""
    return np.unique(column[~np.isnan(column)])


def _range(values: np.ndarray) -> np.ndarray:
    return np.array([np.fmin.reduce(values), np.fmax.reduce(values)])


def _ends(ends: np.ndarray) -> str:
    return " to ".join(f"{end:.0f}" if end == np.floor(end) else f"{end:g}" for end in ends)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


_WORD = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z_][\w.-]*", re.IGNORECASE)


def _leave_out(names: Sequence[str], how: str) -> str:
    """Return the remedy as it stands in YAML, with quotes where a name is no plain word."""
    words = [name if _WORD.fullmatch(name) else repr(name) for name in names[:_SHOWN]]
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{how} with ignore: [{', '.join(words)}{more}]"
