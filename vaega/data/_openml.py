"""OpenML: datasets fetched once, kept in a cache, and checked against what was fetched first."""

import datetime
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaega.core.errors import DataError, ResultsError, one_line
from vaega.core.files import cache_folder, fingerprint, read_json, write_json
from vaega.data._columns import column_numbers
from vaega.data._dataset import Dataset, quoted
from vaega.data._tables import Table, dataset_from_table

if TYPE_CHECKING:
    import pandas as pd

_REFERENCE = re.compile(r"(?P<name>[\w(),+-][\w.(),+-]*)(?:@(?P<version>[1-9]\d*))?")


def load_openml(
    reference: str,
    *,
    target: str | None = None,
    groups: str | None = None,
    categorical: str = "error",
    below_limit: str = "error",
    ignore: Sequence[str] = (),
    name: str | None = None,
    expected_name: str | None = None,
) -> Dataset:
    """Load a dataset of OpenML, from the cache where it was fetched before."""
    owner = f"openml:{reference}"
    bunch, remarks = _fetch(reference, owner=owner)
    about = bunch.details
    if expected_name is not None and about["name"].lower() != expected_name.lower():
        raise DataError(f"{owner}: must be {expected_name!r}, got {about['name']!r} from OpenML.")
    frame = _whole_frame(bunch)
    _compare_with_record(frame, about, bunch.url, owner=owner)
    target, others = _choose_target(bunch, target, owner=owner)
    if others:
        frame = frame.drop(columns=others)
        remarks = (*remarks, f"Other targets left out: {quoted(others)}.")
    return dataset_from_table(
        Table(frame, tuple(map(str, frame.columns)), remarks),
        target=target,
        groups=groups,
        categorical=categorical,
        below_limit=below_limit,
        ignore=ignore,
        name=name or about["name"],
        origin=f"OpenML {about['id']}, {about['name']} version {about['version']}, {bunch.url}",
        licence=about.get("licence") or "not stated",
        owner=owner,
    )


def record_path(data_id: int | str) -> Path:
    """Return where the record of a fetched dataset is kept."""
    return cache_folder() / "openml" / "records" / f"{int(data_id)}.json"


def _parse(reference: str, *, owner: str) -> dict[str, Any]:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise DataError(
            f"{owner}: must be openml:ID, openml:NAME or openml:NAME@VERSION, got {reference!r}."
        )
    if reference.isdigit():
        return {"data_id": int(reference)}
    version = match["version"]
    return {"name": match["name"], "version": "active" if version is None else int(version)}


def _fetch(reference: str, *, owner: str) -> tuple[Any, tuple[str, ...]]:
    arguments = _parse(reference, owner=owner)
    from sklearn.datasets import fetch_openml

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            bunch = fetch_openml(
                **arguments, data_home=cache_folder(), as_frame="auto", parser="auto", n_retries=1
            )
        except OSError as error:
            raise DataError(
                f"{owner}: OpenML cannot be reached and the cache does not hold it: {error}."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{owner}: cannot be taken from OpenML: {one_line(error)}.") from error
    return bunch, _remarks(warning.message for warning in caught)


def _remarks(messages: Iterable[Any]) -> tuple[str, ...]:
    known = ("Multiple active versions", "is inactive", "OpenML r")
    texts = [" ".join(str(message).split()) for message in messages]
    return tuple(text for text in texts if any(part in text for part in known))


def _whole_frame(bunch: Any) -> "pd.DataFrame":
    import pandas as pd

    if bunch.frame is not None:
        return bunch.frame
    frame = pd.DataFrame(bunch.data.toarray(), columns=list(map(str, bunch.feature_names)))
    for position, column in enumerate(bunch.target_names or ()):
        frame[str(column)] = np.asarray(bunch.target).reshape(len(frame), -1)[:, position]
    return frame


def _choose_target(bunch: Any, target: str | None, *, owner: str) -> tuple[str, list[str]]:
    declared = [str(column) for column in bunch.target_names or ()]
    if target is None and len(declared) != 1:
        found = f"{len(declared)} ({quoted(declared)})" if declared else "none"
        raise DataError(
            f"{owner}: give target, because OpenML must declare exactly one target column, "
            f"got {found}."
        )
    if target is None:
        return declared[0], []
    # Of several targets the others are answers too: as features they would give this one away.
    return target, [column for column in declared if column != target] if target in declared else []


def _compare_with_record(
    frame: "pd.DataFrame", about: dict[str, Any], url: str, *, owner: str
) -> None:
    path = record_path(about["id"])
    digest = content_digest(frame)
    if not path.exists():
        record = {"id": int(about["id"]), "name": about["name"], "version": int(about["version"])}
        record |= {"url": url, "n_rows": len(frame), "n_columns": len(frame.columns)}
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        write_json(path, record | {"sha256": digest, "date": today})
        return
    try:
        record = read_json(path)
        then, date = record["sha256"], record["date"]
    except (ResultsError, KeyError, TypeError) as error:
        raise DataError(
            f"{owner}: the record of the first fetch is damaged; remove {path} to start anew."
        ) from error
    if then != digest:
        raise DataError(
            f"{owner}: the content must be what was fetched on {date} (sha256 {then[:12]}), got "
            f"{digest[:12]}; remove {path} to accept the new content."
        )


def content_digest(frame: "pd.DataFrame") -> str:
    """Return the SHA-256 of a frame's names and cells, the same for any storage type."""
    parts: list[Any] = [[str(column) for column in frame.columns]]
    for position in range(len(frame.columns)):
        column = frame.iloc[:, position]
        numbers = column_numbers(column)
        if numbers is None:
            texts = column.astype(object).where(column.notna(), "?")
            parts.append([str(text) for text in texts])
        else:
            parts.append(np.where(np.isnan(numbers), np.nan, numbers))
    return fingerprint(*parts)
