"""The dataset: rows, labels as class codes, names, an official test part; and its card as text."""

import html
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Number, Real
from typing import Any

import numpy as np

from vaega.core.errors import DataError
from vaega.core.files import fingerprint
from vaega.core.wording import counted
from vaega.data._leakage import leakage_notes


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, classes and where they come from; read-only once made.

    Parameters
    ----------
    name : str
        What reports call it.
    X : float64 array of shape (n_rows, n_features)
        Training rows; NaN marks a missing value, infinite values are refused.
    y : int64 array of shape (n_rows,)
        Codes into `class_names`.
    feature_names : tuple of str
        One name a column, all different.
    class_names : tuple of str
        Sorted; by value when all names are numbers.
    X_test : float64 array of shape (n_test_rows, n_features), optional
        The official test part, where there is one.
    y_test : int64 array of shape (n_test_rows,), optional
        Its codes.
    relevant : bool array of shape (n_features,), optional
        Which columns carry signal, where that is known.
    groups : int64 array of shape (n_rows,), optional
        Rows with equal numbers belong together and are never split; not together with a test part.
    origin, licence : str
        Where the data comes from and its licence.
    notes : tuple of str
        What loading changed, and what may leak or is no measurement; on card and report.

    Raises
    ------
    DataError
        When the parts don't fit together; the message is one sentence.

    See Also
    --------
    Dataset.from_arrays : The way in for labels and names of any kind.

    Examples
    --------
    >>> dataset = Dataset.from_arrays([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]], ["b", "a", "b"])
    >>> dataset
    <Dataset data: 3 rows x 2 features; a 1, b 2>
    >>> dataset.y
    array([1, 0, 1])
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    X_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    relevant: np.ndarray | None = None
    groups: np.ndarray | None = None
    origin: str = ""
    licence: str = "not stated"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"dataset {self.name!r}"
        for field in ("X", "X_test"):
            self._freeze(field, np.float64)
        for field in ("y", "y_test", "groups"):
            self._freeze(field, np.int64)
        self._freeze("relevant", np.bool_)
        for field in ("feature_names", "class_names", "notes"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        _check_names(self.feature_names, "feature", owner=owner)
        _check_names(self.class_names, "class", owner=owner)
        _check_part(self, self.X, self.y, "X", "y", owner=owner)
        _check_training_size(self, owner=owner)
        _check_test_part(self, owner=owner)
        _check_column_truth(self, owner=owner)
        _check_groups(self, owner=owner)

    def _freeze(self, field: str, dtype: type) -> None:
        value = getattr(self, field)
        if value is None:
            return
        array = np.asarray(value)
        if array.flags.writeable or array.dtype != dtype or not array.flags.c_contiguous:
            array = _read_only(array, dtype, name=field, owner=f"dataset {self.name!r}")
        object.__setattr__(self, field, array)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        *,
        name: str = "data",
        feature_names: Sequence[str] | None = None,
        X_test: Any = None,
        y_test: Any = None,
        relevant: Any = None,
        groups: Any = None,
        origin: str = "",
        licence: str = "not stated",
        notes: Sequence[str] = (),
    ) -> "Dataset":
        """Make a dataset from arrays with labels of any kind.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Numbers; NaN marks a missing value.
        y : array-like of shape (n_rows,)
            Text, whole numbers or booleans; none may be missing.
        feature_names : sequence of str, optional
            Default: the columns of a data frame, else ``x0``, ``x1``, ... Duplicates become
            ``a``, ``a.1``, as in pandas, with a note.
        X_test, y_test : array-like, optional
            The official test part; its labels must occur in `y`.
        groups : array-like of shape (n_rows,), optional
            Values of any kind; rows with equal values belong together.
        name, relevant, origin, licence, notes
            Those of `Dataset`.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            When the arrays cannot be a classification dataset; the message is one sentence.

        Examples
        --------
        >>> Dataset.from_arrays([[1, 2], [3, 4]], [True, False], feature_names=["a", "a"]).notes
        ("1 duplicate feature name was made unique ('a.1').",)
        """
        owner = f"dataset {name!r}"
        if feature_names is None and hasattr(X, "columns"):
            feature_names = [str(column) for column in X.columns]
        matrix = _matrix(X, "X", owner=owner)
        codes, class_names = encode_labels(y, owner=owner)
        names, renamed = _feature_names(feature_names, matrix.shape[1])
        dataset = cls(
            name=name,
            X=matrix,
            y=codes,
            feature_names=names,
            class_names=class_names,
            X_test=None if X_test is None else _matrix(X_test, "X_test", owner=owner),
            y_test=(
                None if y_test is None else encode_known_labels(y_test, class_names, owner=owner)
            ),
            relevant=relevant,
            groups=None if groups is None else _group_codes(groups, owner=owner),
            origin=origin,
            licence=licence,
            notes=(*notes, *_full_note(X), *_rename_note(renamed), *_alike_notes(class_names)),
        )
        return replace(dataset, notes=(*dataset.notes, *dataset._leakage_notes()))

    def _leakage_notes(self) -> tuple[str, ...]:
        names, X_test = self.feature_names, self.X_test
        return leakage_notes(self.X, self.y, names, groups=self.groups, X_test=X_test)

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def labels(self) -> np.ndarray:
        """Class names of the training rows, text of shape (n_rows,)."""
        return np.asarray(self.class_names)[self.y]

    @property
    def has_official_test(self) -> bool:
        """Whether the source fixes a test part."""
        return self.X_test is not None

    @cached_property
    def n_missing(self) -> int:
        """Number of missing values, the test part included."""
        parts = [self.X] if self.X_test is None else [self.X, self.X_test]
        return int(sum(np.isnan(part).sum() for part in parts))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all arrays and of the feature and class names, 64 hexadecimal digits."""
        arrays = (self.X, self.y, self.X_test, self.y_test, self.relevant, self.groups)
        return fingerprint(*arrays, self.feature_names, self.class_names)

    def __repr__(self) -> str:
        facts = [f"{self.n_rows} rows x {self.n_features} features", _class_summary(self)]
        if self.y_test is not None:
            facts.append(counted(len(self.y_test), "official test row"))
        if self.n_missing:
            facts.append(counted(self.n_missing, "missing value"))
        if self.groups is not None:
            facts.append(counted(len(np.unique(self.groups)), "group"))
        return f"<Dataset {self.name}: {'; '.join(facts)}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.card())}</pre>"

    def pooled(self) -> "Dataset":
        """Return the dataset with its official test rows after its training rows, in one part.

        Returns
        -------
        Dataset
            Without a test part; itself when there is none to pool.

        Examples
        --------
        >>> dataset = Dataset.from_arrays([[1], [2]], [0, 1], X_test=[[3]], y_test=[1])
        >>> dataset.pooled().X.ravel()
        array([1., 2., 3.])
        """
        if self.X_test is None or self.y_test is None:
            return self
        return replace(
            self,
            X=np.vstack([self.X, self.X_test]),
            y=np.concatenate([self.y, self.y_test]),
            X_test=None,
            y_test=None,
            notes=(*self.notes, "Training rows and official test rows are pooled."),
        )

    def without(self, names: Collection[str]) -> "Dataset":
        """Return the dataset without some of its features.

        Parameters
        ----------
        names : collection of str
            Of the features.

        Returns
        -------
        Dataset
            With notes on the features that stay.

        Raises
        ------
        DataError
            When a name is none of a feature, or no feature stays.

        Examples
        --------
        >>> dataset = Dataset.from_arrays([[1, 7], [2, 8]], [0, 1], feature_names=["id", "age"])
        >>> dataset.without(["id"]).feature_names
        ('age',)
        """
        if not names:
            return self
        absent = [name for name in names if name not in self.feature_names]
        if absent:
            raise DataError(
                f"dataset {self.name!r}: ignore must name features, but {absent[0]!r} is none; "
                f"the features are {quoted(self.feature_names)}."
            )
        kept = np.array([name not in names for name in self.feature_names])
        if not kept.any():
            raise DataError(f"dataset {self.name!r}: ignore leaves no feature.")
        said = self._leakage_notes()
        fewer = replace(
            self,
            X=self.X[:, kept],
            X_test=None if self.X_test is None else self.X_test[:, kept],
            feature_names=tuple(np.array(self.feature_names, dtype=object)[kept]),
            relevant=None if self.relevant is None else self.relevant[kept],
            notes=tuple(note for note in self.notes if note not in said),
        )
        return replace(fewer, notes=(*fewer.notes, *fewer._leakage_notes()))

    def card(self) -> str:
        """Return what is to be known about the data as plain text of several lines.

        Returns
        -------
        str

        Examples
        --------
        >>> print(Dataset.from_arrays([[1, 7], [2, 7]], ["a", "b"], name="toy").card())
        toy
          training     2 rows x 2 features
          test         none official
          classes      2: a 1, b 1
          missing      0 values
          constant     1 column in training
          ...
        """
        return write_card(self)


def _rename_note(renamed: tuple[str, ...]) -> tuple[str, ...]:
    if not renamed:
        return ()
    names = "name was" if len(renamed) == 1 else "names were"
    return (f"{len(renamed)} duplicate feature {names} made unique ({quoted(renamed)}).",)


def _full_note(X: Any) -> tuple[str, ...]:
    if not hasattr(X, "toarray"):
        return ()
    n_cells = X.shape[0] * X.shape[1]
    share = X.nnz / max(1, n_cells)
    size = f"{8e-6 * n_cells:.3g} MB"
    return (f"The sparse matrix is held in full, {size}; {share:.2g} of its cells are not zero.",)


def _alike_notes(class_names: Sequence[str]) -> tuple[str, ...]:
    """Name classes that a person would read as one."""
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    return tuple(
        f"Classes {quoted(names)} differ in case or space alone: are they one?"
        for names in alike.values()
        if len(names) > 1
    )


def _feature_names(
    names: Sequence[str] | None, n_features: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if names is None:
        return tuple(f"x{column}" for column in range(n_features)), ()
    return unique_names([str(name) for name in names])


def _matrix(X: Any, name: str, *, owner: str) -> np.ndarray:
    values = X.toarray() if hasattr(X, "toarray") else X
    return _check_matrix(_read_only(values, np.float64, name, owner=owner), name, owner=owner)


def _check_matrix(X: np.ndarray, name: str, *, owner: str) -> np.ndarray:
    if X.ndim != 2:
        raise DataError(
            f"{owner}: {name} must have two dimensions (rows, features), got shape {X.shape}."
        )
    return X


def _read_only(value: Any, dtype: type, name: str, *, owner: str) -> np.ndarray:
    given_dtype = np.asarray(value).dtype
    if given_dtype.kind == "c":
        raise DataError(f"{owner}: {name} must hold real numbers, got {given_dtype}.")
    if dtype is np.bool_ and given_dtype != np.bool_:
        raise DataError(f"{owner}: {name} must hold booleans, got {given_dtype}.")
    if dtype is np.int64 and given_dtype.kind not in "iu":
        raise DataError(f"{owner}: {name} must hold whole numbers, got {given_dtype}.")
    try:
        array: np.ndarray = np.array(value, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise DataError(f"{owner}: {name} must be an array of numbers, got {error}.") from error
    array.flags.writeable = False
    return array


def _group_codes(groups: Any, *, owner: str) -> np.ndarray:
    values = np.asarray(groups)
    n_missing = sum(is_missing(value) for value in values.ravel().tolist())
    if n_missing:
        raise DataError(f"{owner}: every row needs a group, got {n_missing} missing.")
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    codes = np.unique(values.astype(str), return_inverse=True)[1]
    return codes.reshape(values.shape).astype(np.int64)


def _check_names(names: tuple[str, ...], kind: str, *, owner: str) -> None:
    if not all(isinstance(name, str) and name for name in names):
        bad = next(name for name in names if not isinstance(name, str) or not name)
        raise DataError(f"{owner}: a {kind} name must be a text that is not empty, got {bad!r}.")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{owner}: {kind} names must all differ, got twice {quoted(twice)}.")


def _check_part(
    data: Dataset, X: np.ndarray, y: np.ndarray, X_name: str, y_name: str, *, owner: str
) -> None:
    _check_matrix(X, X_name, owner=owner)
    if y.shape != X.shape[:1]:
        raise DataError(
            f"{owner}: {y_name} must have one value for each of the {X.shape[0]} rows of "
            f"{X_name}, got shape {y.shape}."
        )
    if X.shape[1] != len(data.feature_names):
        raise DataError(
            f"{owner}: {X_name} must have one column for each of the {len(data.feature_names)} "
            f"feature names, got {X.shape[1]} columns."
        )
    if y.size and not 0 <= y.min() <= y.max() < data.n_classes:
        raise DataError(
            f"{owner}: {y_name} must hold codes from 0 to {data.n_classes - 1}, "
            f"got {y.min()} to {y.max()}."
        )
    _check_finite(data, X, X_name, owner=owner)


def _check_finite(data: Dataset, X: np.ndarray, name: str, *, owner: str) -> None:
    infinite = np.isinf(X)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise DataError(
            f"{owner}: {name} must hold no infinite values, got {infinite.sum()}, the first in row "
            f"{row} (counted from 0), column {data.feature_names[column]!r}; write NaN, or leave "
            "the cell empty, where a value is missing."
        )


def _check_training_size(data: Dataset, *, owner: str) -> None:
    if data.n_features < 1:
        raise DataError(f"{owner}: at least one feature is needed, got none.")
    if data.n_rows < 2:
        raise DataError(f"{owner}: at least two training rows are needed, got {data.n_rows}.")
    present = np.unique(data.y)
    if len(present) < 2:
        raise DataError(
            f"{owner}: the target must hold at least two classes, "
            f"got only {data.class_names[present[0]]!r}."
        )


def _check_test_part(data: Dataset, *, owner: str) -> None:
    if (data.X_test is None) != (data.y_test is None):
        given, absent = ("y_test", "X_test") if data.X_test is None else ("X_test", "y_test")
        raise DataError(f"{owner}: X_test and y_test come together, got {given} without {absent}.")
    if data.X_test is not None and data.y_test is not None:
        _check_part(data, data.X_test, data.y_test, "X_test", "y_test", owner=owner)
        if not len(data.y_test):
            raise DataError(f"{owner}: a test part needs at least one row, got none.")


def _check_column_truth(data: Dataset, *, owner: str) -> None:
    if data.relevant is not None and data.relevant.shape != (data.n_features,):
        raise DataError(
            f"{owner}: relevant must have one boolean for each of the {data.n_features} features, "
            f"got shape {data.relevant.shape}."
        )


def _check_groups(data: Dataset, *, owner: str) -> None:
    if data.groups is None:
        return
    if data.has_official_test:
        raise DataError(f"{owner}: groups cannot be given together with an official test part.")
    if data.groups.shape != data.y.shape:
        raise DataError(
            f"{owner}: groups must have one value for each of the {data.n_rows} rows, "
            f"got shape {data.groups.shape}."
        )


def constant_columns(X: np.ndarray) -> np.ndarray:
    """Tell which columns of rows (n, p) hold one value only, missing values aside: bool (p,)."""
    return ~(np.fmax.reduce(X, axis=0) > np.fmin.reduce(X, axis=0))


def write_card(dataset: Dataset) -> str:
    """Return the card of a dataset, plain text of several lines."""
    lines = [dataset.name]
    lines += [f"  {key:<12} {value}" for key, value in _facts(dataset)]
    for note in dataset.notes:
        lines.append(textwrap.indent(write_note(note), "  "))
    return "\n".join(lines)


def write_note(note: str) -> str:
    """Return a note as lines for a terminal of 80 columns."""
    return textwrap.fill(f"note: {note}", 78, subsequent_indent="  ", break_on_hyphens=False)


def _facts(dataset: Dataset) -> list[tuple[str, str]]:
    n_rows, n_features = dataset.X.shape
    n_constant = int(constant_columns(dataset.X).sum())
    test = (
        "none official"
        if dataset.y_test is None
        else f"{counted(len(dataset.y_test), 'row')}, official"
    )
    facts = [
        ("training", f"{n_rows} rows x {n_features} features"),
        ("test", test),
        ("classes", _class_line(dataset)),
        ("missing", counted(dataset.n_missing, "value")),
        ("constant", f"{counted(n_constant, 'column')} in training"),
    ]
    if dataset.relevant is not None:
        facts.append(("relevant", f"{int(dataset.relevant.sum())} of {n_features} features"))
    if dataset.groups is not None:
        facts.append(("groups", f"{len(np.unique(dataset.groups))} groups of rows"))
    return [
        *facts,
        ("origin", dataset.origin or "not stated"),
        ("licence", dataset.licence),
        ("fingerprint", dataset.fingerprint[:12]),
    ]


def _class_summary(dataset: Dataset) -> str:
    """Return the classes with their training rows; of many classes only their range."""
    counts = np.bincount(dataset.y, minlength=dataset.n_classes)
    if dataset.n_classes > 4:
        return f"{dataset.n_classes} classes of {counts.min()} to {counts.max()} rows"
    pairs = zip(dataset.class_names, counts, strict=True)
    return ", ".join(f"{_cut(name)} {count}" for name, count in pairs)


def _cut(name: str, length: int = 24) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _class_line(dataset: Dataset) -> str:
    n_classes = len(dataset.class_names)
    train = np.bincount(dataset.y, minlength=n_classes)
    counts = [str(count) for count in train]
    if dataset.y_test is not None:
        test = np.bincount(dataset.y_test, minlength=n_classes)
        counts = [f"{a}/{b}" for a, b in zip(train, test, strict=True)]
    pairs = ", ".join(
        f"{name} {count}" for name, count in zip(dataset.class_names, counts, strict=True)
    )
    return f"{n_classes}: {pairs}" + (" (training/test)" if dataset.y_test is not None else "")


def encode_labels(y: Any, *, owner: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Turn labels of any kind into codes and class names."""
    values = _label_vector(y, owner=owner)
    _refuse_missing(values, owner=owner)
    _refuse_measurements(values, owner=owner)
    texts = [_text(value) for value in values]
    names = sort_class_names(set(texts))
    _refuse_identifiers(names, n_rows=len(texts), owner=owner)
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise DataError(f"{owner}: the target must hold at least two classes, got {found}.")
    return _codes(texts, names), names


def encode_known_labels(y: Any, class_names: Sequence[str], *, owner: str) -> np.ndarray:
    """Turn the labels of test rows into codes of the training classes."""
    values = _label_vector(y, owner=owner)
    _refuse_missing(values, owner=owner)
    texts = [_text(value) for value in values]
    unknown = sort_class_names(set(texts) - set(class_names))
    if unknown:
        raise DataError(
            f"{owner}: test rows may only hold classes of the training rows, "
            f"got {quoted(unknown)}; training has {quoted(class_names)}."
        )
    return _codes(texts, class_names)


def sort_class_names(names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names, by value when every one of them is a finite number."""
    listed = list(names)
    numbers = [_number(name) for name in listed]
    if any(number is None for number in numbers):
        return tuple(sorted(listed))
    return tuple(name for _, name in sorted(zip(numbers, listed, strict=True)))


def is_missing(value: Any) -> bool:
    """Tell whether a single cell is None, not-a-number, pandas' NA or NaT, or blank text."""
    if isinstance(value, str):
        return not value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _label_vector(y: Any, *, owner: str) -> list[Any]:
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{owner}: the target must be one-dimensional (n_rows,), got shape {array.shape}."
        )
    values: list[Any] = array.tolist()
    return values


def _refuse_missing(values: list[Any], *, owner: str) -> None:
    rows = [row for row, value in enumerate(values) if is_missing(value)]
    if rows:
        first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"{owner}: every row needs a target value, got {len(rows)} missing "
            f"(rows {first}, counted from 0)."
        )


def _refuse_measurements(values: list[Any], *, owner: str) -> None:
    if not all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        return
    whole = all(float(value).is_integer() for value in values)
    distinct = len(set(values))
    if not whole or distinct > max(20, len(values) / 2):
        kind = "whole numbers" if whole else "fractions"
        raise DataError(
            f"{owner}: the target must hold classes, got {distinct} different numbers ({kind}) in "
            f"{len(values)} rows; regression is out of scope."
        )


def _refuse_identifiers(names: tuple[str, ...], *, n_rows: int, owner: str) -> None:
    if len(names) > max(20, n_rows / 2):
        raise DataError(
            f"{owner}: the target must hold classes, got {len(names)} different values in "
            f"{n_rows} rows, which look like identifiers ({quoted(names, limit=3)})."
        )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, Number) and not isinstance(value, bool) and float(value).is_integer():  # type: ignore[arg-type]
        return str(int(value))  # type: ignore[call-overload]
    return str(value)


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _codes(texts: list[str], names: Sequence[str]) -> np.ndarray:
    position = {name: code for code, name in enumerate(names)}
    return np.array([position[text] for text in texts], dtype=np.int64)


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make duplicate names different the way pandas does."""
    taken, seen = set(names), set()
    unique, renamed = [], []
    counts: dict[str, int] = {}
    for name in names:
        fresh = name
        while fresh in seen or (fresh != name and fresh in taken):
            counts[name] = counts.get(name, 0) + 1
            fresh = f"{name}.{counts[name]}"
        seen.add(fresh)
        unique.append(fresh)
        if fresh != name:
            renamed.append(fresh)
    return tuple(unique), tuple(renamed)


def quoted(names: Iterable[str], *, limit: int = 5) -> str:
    """Write the first names for an error message, and how many more there are."""
    listed = [repr(str(name)) for name in names]
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
