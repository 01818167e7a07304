"""Warnings of classifiers: counted, not shown by the thousand; an interrupt is not swallowed."""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# scikit-learn's multilayer perceptron answers Ctrl-C with this warning and a half-trained model,
# whose score must not count.
_SWALLOWED_INTERRUPT = "Training interrupted by user"


@contextmanager
def counted_warnings() -> Iterator[Counter[str]]:
    """Count the warnings of the block instead of showing them.

    Yields
    ------
    collections.Counter
        Filled when the block ends: how often each warning came, by category and first line.

    Raises
    ------
    KeyboardInterrupt
        When a classifier took an interrupt for a wish to stop training early.

    Examples
    --------
    >>> with counted_warnings() as counted:
    ...     warnings.warn("did not converge")
    >>> counted
    Counter({'UserWarning: did not converge': 1})
    """
    counted: Counter[str] = Counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield counted
    counted.update(_first_line(warning) for warning in caught)
    if any(_SWALLOWED_INTERRUPT in text for text in counted):
        raise KeyboardInterrupt


def _first_line(warning: warnings.WarningMessage) -> str:
    text = str(warning.message).strip().split("\n", 1)[0]
    return f"{warning.category.__name__}: {text}"
