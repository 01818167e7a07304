"""Numbers and lists as sentences and tables write them."""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun.

    >>> counted(1, "row"), counted(3000, "feature"), counted(2, "search", "searches")
    ('1 row', '3,000 features', '2 searches')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def decimals(value: float, places: int = 3, *, signed: bool = False) -> str:
    """Return a number with so many decimals; what is zero then has no sign.

    >>> decimals(0.1234), decimals(-0.0001), decimals(0.02, signed=True), decimals(1234.5, 0)
    ('0.123', '0.000', '+0.020', '1,234')
    """
    text = f"{value:{'+' if signed else ''},.{places}f}"
    return text.lstrip("+-") if float(text.replace(",", "")) == 0.0 else text


def mean_count(value: float) -> str:
    """Return a mean of whole numbers: with a decimal only where it is none itself.

    >>> mean_count(30.0), mean_count(12.25), mean_count(1500.0)
    ('30', '12.2', '1,500')
    """
    return decimals(value, 0 if float(value).is_integer() else 1)


def counted_mean(value: float, noun: str) -> str:
    """Return a mean of whole numbers and what it counts.

    >>> counted_mean(1.0, "feature"), counted_mean(1.5, "feature")
    ('1 feature', '1.5 features')
    """
    return f"{mean_count(value)} {noun if value == 1 else noun + 's'}"


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Return names as a sentence lists them, and how many more there are.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], 2)
    ('a, b and c', 'a, b and 2 more')
    """
    shown = list(names if most is None else names[:most])
    n_more = len(names) - len(shown)
    last = f"{n_more:,} more" if n_more else shown.pop() if len(shown) > 1 else ""
    return f"{', '.join(shown)} and {last}" if last else "".join(shown)
