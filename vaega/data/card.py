"""The card of a dataset: what is to be known about it, as plain text."""

import textwrap
from typing import Protocol

import numpy as np

from vaega.data.steps import constant_columns


class DatasetLike(Protocol):
    """What a card needs to know of a dataset; see `vaega.data.dataset.Dataset`."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def X(self) -> np.ndarray:
        """Training rows, shape (n_rows, n_features)."""

    @property
    def y(self) -> np.ndarray:
        """Codes of the training rows, shape (n_rows,)."""

    @property
    def y_test(self) -> np.ndarray | None:
        """Codes of the test rows."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Sorted class names."""

    @property
    def relevant(self) -> np.ndarray | None:
        """Which columns carry signal, where that is known."""

    @property
    def groups(self) -> np.ndarray | None:
        """Which rows belong together."""

    @property
    def origin(self) -> str:
        """Where the data comes from."""

    @property
    def licence(self) -> str:
        """Its licence."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What loading changed."""

    @property
    def n_missing(self) -> int:
        """Number of missing values."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content."""


def write_card(dataset: DatasetLike) -> str:
    """Return the card of a dataset, plain text of several lines."""
    lines = [dataset.name]
    lines += [f"  {key:<12} {value}" for key, value in _facts(dataset)]
    for note in dataset.notes:
        lines.append(textwrap.fill(note, 98, initial_indent="  note: ", subsequent_indent="    "))
    return "\n".join(lines)


def _facts(dataset: DatasetLike) -> list[tuple[str, str]]:
    n_rows, n_features = dataset.X.shape
    n_constant = int(constant_columns(dataset.X).sum())
    test = (
        "none official"
        if dataset.y_test is None
        else f"{_count(len(dataset.y_test), 'row')}, official"
    )
    facts = [
        ("training", f"{n_rows} rows x {n_features} features"),
        ("test", test),
        ("classes", _class_line(dataset)),
        ("missing", _count(dataset.n_missing, "value")),
        ("constant", f"{_count(n_constant, 'column')} in training"),
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


def _class_line(dataset: DatasetLike) -> str:
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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
