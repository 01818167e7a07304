"""Parquet files; they need the package pyarrow."""

from pathlib import Path

from vaega.core.errors import DataError, MissingExtraError
from vaega.data.tables import Table


def read_parquet(path: Path) -> Table:
    """Read a Parquet file."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(owner=str(path), package="pyarrow", extra="parquet") from error
    try:
        stored = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{path}: cannot be read as Parquet: {reason}.") from error
    kept = [i for i, name in enumerate(stored.column_names) if not name.startswith("__index_level")]
    stored = stored.select(kept)
    names = tuple(map(str, stored.column_names))
    numbered = stored.rename_columns([str(i) for i in range(len(names))])
    return Table(numbered.to_pandas(ignore_metadata=True), names)
