"""Feature columns of a table: numbers stay, text is parsed, refused, spread or dropped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vaega.core.errors import DataError
from vaega.data.names import quoted

if TYPE_CHECKING:
    import pandas as pd

CATEGORICAL = ("error", "one_hot", "drop")
MAX_VALUES = 50
_FEW = 0.1  # share of cells
_MISSING_TEXTS = ("", "?", "na", "n/a", "nan", "null")


def numeric_features(
    frame: "pd.DataFrame",
    names: Sequence[str],
    positions: Sequence[int],
    *,
    categorical: str,
    owner: str,
) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Turn columns into numbers."""
    numbers = {i: column_numbers(frame.iloc[:, i]) for i in positions}
    texts = [i for i in positions if numbers[i] is None]
    if texts and categorical == "error":
        raise DataError(
            f"{owner}: feature columns must be numeric, got text in {len(texts)} of "
            f"{len(positions)} ({quoted(names[i] for i in texts)}); set categorical to one_hot or "
            f"drop to take or leave them{_nearly(frame, names, texts)}."
        )
    if texts and categorical == "drop":
        positions = [i for i in positions if numbers[i] is not None]
    if not positions:
        raise DataError(f"{owner}: at least one numeric feature is needed, got text columns only.")
    blocks, feature_names = [], []
    for i in positions:
        column = numbers[i]
        if column is None:
            block, block_names = _one_hot(frame.iloc[:, i], names[i], owner=owner)
        else:
            block, block_names = column[:, None], [names[i]]
        blocks.append(block)
        feature_names += block_names
    return np.hstack(blocks), feature_names, _notes(frame, names, texts, categorical)


def column_numbers(column: "pd.Series") -> np.ndarray | None:
    """Return a column as numbers when every cell is a number, a boolean or missing."""
    import pandas as pd

    if pd.api.types.is_complex_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = _texts(column)
    present = texts[texts.notna()]
    if present.str.lower().isin(["true", "false"]).all() and len(present):
        return _parse(texts.str.lower().map({"true": "1", "false": "0"}))
    return _parse(texts)


def _parse(texts: "pd.Series") -> np.ndarray | None:
    import pandas as pd

    try:
        return pd.to_numeric(texts).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        return None


def _texts(column: "pd.Series") -> "pd.Series":
    texts = column.astype(object)
    texts = texts.where(texts.isna(), texts.astype(str).str.strip())
    return texts.mask(texts.astype(str).str.lower().isin(_MISSING_TEXTS)).astype(object)


def _one_hot(column: "pd.Series", name: str, *, owner: str) -> tuple[np.ndarray, list[str]]:
    texts = _texts(column)
    values = sorted(set(texts.dropna()))
    if len(values) > MAX_VALUES:
        raise DataError(
            f"{owner}: one_hot takes columns with at most {MAX_VALUES} different values, got "
            f"{len(values)} in {name!r}; name that column in ignore or set categorical to drop"
            f"{_nearly(column.to_frame(), [name], [0])}."
        )
    cells = texts.to_numpy()
    block = np.stack([cells == value for value in values], axis=1).astype(np.float64)
    return block, [f"{name}={value}" for value in values]


def _nearly(frame: "pd.DataFrame", names: Sequence[str], texts: Sequence[int]) -> str:
    # One "unknown" among two hundred ages makes the column text, which nobody expects.
    import pandas as pd

    said = ""
    for i in texts:
        cells = _texts(frame.iloc[:, i]).dropna()
        odd = cells[pd.to_numeric(cells, errors="coerce").isna()]
        if 0 < len(odd) <= _FEW * len(cells):
            others = quoted(dict.fromkeys(odd), limit=3)
            said += f"; {names[i]!r} has numbers but for {others} (empty cells are missing values)"
    return said


def _notes(
    frame: "pd.DataFrame", names: Sequence[str], texts: Sequence[int], categorical: str
) -> tuple[str, ...]:
    if not texts:
        return ()
    listed = quoted(names[i] for i in texts)
    columns = "1 text column" if len(texts) == 1 else f"{len(texts)} text columns"
    if categorical == "drop":
        return (f"{columns} dropped ({listed}){_nearly(frame, names, texts)}.",)
    n_missing = sum(int(_texts(frame.iloc[:, i]).isna().sum()) for i in texts)
    blank = f"; {n_missing} missing cells are all-zero rows there" if n_missing else ""
    return (f"{columns} spread into 0/1 columns ({listed}){blank}.",)
