"""Sources: `load_dataset` finds a dataset by path, by name, inside scikit-learn or on OpenML.

Bare names are looked up in ``$VAEGA_DATA``, then in ``./data``; `KNOWN` is the catalogue of
published sets with their citations and licences.
"""

import difflib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

from vaega.core.checks import check_choice, check_flag
from vaega.core.errors import DataError, InputError, one_line
from vaega.core.files import is_too_long, path_inside
from vaega.core.yaml import read_yaml
from vaega.data._columns import Progress, silent
from vaega.data._dataset import Dataset, quoted
from vaega.data._features import BELOW_LIMIT, CATEGORICAL
from vaega.data._labels import LabelFile, join_labels, transposed
from vaega.data._openml import load_openml
from vaega.data._tables import Table, dataset_from_table
from vaega.data.readers._arrays import read_npz, read_npz_shapes
from vaega.data.readers._registry import (
    ARCHIVE,
    known_suffixes,
    named_suffixes,
    plain_suffixes,
    read_table,
    stem_of,
    suffix_of,
)


@dataclass(frozen=True)
class DatasetEntry:
    """One line of ``vaega datasets``, as `available_datasets` lists them.

    Parameters
    ----------
    source : str
        What `load_dataset` takes.
    title : str
        What it is, with its size where that is known.
    where : str
        The file, "scikit-learn", or "OpenML, needs the network".
    """

    source: str
    title: str
    where: str


_OWNER = "load_dataset"
_OPENML_NOTE = "Fetched from OpenML, which has no official test part."


def load_dataset(
    source: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    groups: str | int | None = None,
    categorical: str = "error",
    below_limit: str = "error",
    ignore: Sequence[str | int] = (),
    transpose: bool | None = None,
    labels: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    sheet: str | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Dataset:
    r"""Load a dataset.

    Parameters
    ----------
    source : str or path
        One of

        - ``sklearn:NAME``: a classification set inside scikit-learn;
        - ``openml:ID``, ``openml:NAME`` or ``openml:NAME@VERSION``: fetched once, then cached;
        - a path: delimited text (.csv, .tsv, .tab, .txt, .data), .arff and KEEL's .dat, .parquet,
          a workbook (.xlsx, .xlsm), .npz, MATLAB's .mat, .svm or .svmlight or .libsvm, a GEO series
          matrix (.txt), .gct, .h5ad; text may be compressed (.gz, .bz2, .xz, .zip);
        - a bare name: NAME.npz, .csv, ... in ``$VAEGA_DATA``, then in ``./data``, then on OpenML
          where the catalogue knows it.
    target : str, optional
        The target column of a table; default: the only one called class, target, label or y. Of a
        GEO series a characteristic, of .h5ad a column of obs, of .mat a variable. A whole number is
        a name: that of a column whose heading is a number.
    groups : str, optional
        A column of a table whose equal values mark rows that belong together.
    categorical : {"error", "one_hot", "drop"}, default="error"
        What happens to text columns of a table.
    below_limit : {"error", "missing", "half"}, default="error"
        What becomes of cells such as "<0.01" and "n.d." in columns of numbers: an error, a missing
        value, or half of the limit; "n.d." has the least limit of its column, and is missing
        where none is written.
    ignore : sequence of str
        Columns that are left out.
    transpose : bool, optional
        Whether the rows of the table are genes, and its columns samples. Default: not, or as it
        matches the names of the samples in `labels`.
    labels : path or mapping, optional
        The file that holds the classes, read as `source` is: its path, or ``{"file": path,
        "column": name, "id": name}`` with the columns of the classes and of the samples' names.
        Rows are matched by name; without ``id`` by the column whose cells are the names. A .cls
        file has no names: its classes are those of the samples in order.
    sheet : str, optional
        The sheet of a workbook; default: the first one with cells.
    name : str, optional
        The dataset's name; default: from the source.
    progress : callable, optional
        Is called with what is being read and the share that is read.

    Returns
    -------
    Dataset
        What reading left out or changed is in its `notes`.

    Raises
    ------
    DataError
        When the source cannot be read or is no classification dataset; the message is one
        sentence.

    Examples
    --------
    >>> load_dataset("sklearn:wine").X.shape
    (178, 13)

    Genes as rows, and the classes in a file of their own:

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "genes.csv").write_text("gene,s1,s2,s3\nTP53,1,2,3\nBRCA1,4,5,6\n")
    >>> _ = (folder / "clinic.csv").write_text("sample,response\ns3,no\ns1,yes\ns2,no\n")
    >>> data = load_dataset(folder / "genes.csv", labels=folder / "clinic.csv", target="response")
    >>> data.feature_names, data.labels.tolist()
    (('TP53', 'BRCA1'), ['yes', 'no', 'no'])
    """
    check_choice(categorical, "categorical", CATEGORICAL, owner=_OWNER)
    check_choice(below_limit, "below_limit", BELOW_LIMIT, owner=_OWNER)
    if transpose is not None:
        check_flag(transpose, "transpose", owner=_OWNER)
    where = None if labels is None else LabelFile.of(labels, owner=_OWNER)
    text = os.fspath(source)
    _check_length(text)
    columns: dict[str, Any] = {
        "target": _as_name(target, "target"),
        "groups": _as_name(groups, "groups"),
        "ignore": tuple(_as_name(column, "ignore") for column in ignore),
    }
    layout = {"transpose": transpose, "labels": where, "sheet": sheet}
    choices = {"categorical": categorical, "below_limit": below_limit}
    if text.startswith("sklearn:"):
        ignored = columns.pop("ignore")
        _refuse_columns(text, {**columns, **layout})
        return load_bundled(text.removeprefix("sklearn:"), name=name).without(ignored)
    if text.startswith("openml:"):
        _refuse_columns(text, layout)
        return load_openml(text.removeprefix("openml:"), **columns, **choices, name=name)
    if "://" in text:
        raise DataError(f"{text}: addresses are not read; download the file and give its path.")
    options = {**columns, **choices, **layout, "name": name, "progress": progress}
    if isinstance(source, os.PathLike) or _is_path(text):
        return _load_file(Path(text).expanduser(), **options)
    return _load_name(text, **options)


def _check_length(text: str) -> None:
    if is_too_long(text):
        raise DataError(f"{text[:40]}... is too long for a name or a path.")


def _as_name(column: Any, role: str) -> str | None:
    """Return the name of a column; YAML reads a heading of digits as a number."""
    if column is None or isinstance(column, str):
        return column
    if isinstance(column, Integral) and not isinstance(column, bool):
        return str(int(column))
    raise InputError.of(_OWNER, role, "must be the name of a column", column)


def available_datasets() -> list[DatasetEntry]:
    """List what `load_dataset` can load by name from here, without reading the values.

    Returns
    -------
    list of DatasetEntry
        Files of ``$VAEGA_DATA`` and ``./data`` first, then scikit-learn's sets, then the names
        that OpenML has.

    Examples
    --------
    >>> [entry.source for entry in available_datasets() if entry.where == "scikit-learn"]
    ['sklearn:breast_cancer', 'sklearn:digits', 'sklearn:iris', 'sklearn:wine']
    """
    files = [_file_entry(path) for path in list_files()]
    bundled = [
        DatasetEntry(f"sklearn:{key}", title, "scikit-learn") for key, title in BUNDLED.items()
    ]
    here = {entry.source for entry in files}
    remote = [
        DatasetEntry(key, known.title, "OpenML, needs the network")
        for key, known in KNOWN.items()
        if known.openml and key not in here
    ]
    return [*files, *bundled, *remote]


def _is_path(text: str) -> bool:
    path = Path(text)
    named = suffix_of(path) is not None or (path.suffix != "" and path.is_file())
    return named or any(mark in text for mark in "/\\~")


def _refuse_columns(owner: str, columns: Mapping[str, Any]) -> None:
    for role, column in columns.items():
        if column:
            raise DataError(
                f"{owner}: {role} {_ROLES.get(role, 'names a column of a table')}, which this "
                f"source is not; got {getattr(column, 'file', column)!r}."
            )


_ROLES = {"transpose": "turns a table", "labels": "describes the rows of a table"}


def _load_file(path: Path, *, name: str | None, **options: Any) -> Dataset:
    label = name or stem_of(path)
    try:
        return _with_facts(_read_file(path, label=label, **options), stem_of(path))
    except DataError as error:  # what a dataset says of itself, said of the file it came from
        sentence = str(error).removeprefix(f"dataset {label!r}: ")
        if sentence == str(error):
            raise
        raise DataError(f"{path}: {sentence}") from error


def _read_file(
    path: Path,
    *,
    label: str,
    target: str | None,
    transpose: bool | None,
    labels: LabelFile | None,
    sheet: str | None,
    progress: Progress,
    **options: Any,
) -> Dataset:
    owner, about = str(path), {"name": label, "origin": path.name}
    suffix = check_file(path)
    if suffix == ARCHIVE:
        given = {"target": target, "transpose": transpose, "labels": labels, "sheet": sheet}
        _refuse_columns(owner, {"groups": options["groups"], **given})
        return read_npz(path, **about).without(options["ignore"])
    # Of two files the target is a column of the other one.
    in_file = target if labels is None else None
    table = read_table(path, suffix, target=in_file, sheet=sheet, progress=progress)
    if labels is not None:
        table, target = _with_labels(table, labels, target, transpose=transpose, owner=owner)
        about["origin"] += f", {Path(labels.file).name}"
    elif transpose:
        table = transposed(table, target=target, owner=owner)
    return dataset_from_table(
        table, target=target, **options, **about, owner=owner, progress=progress
    )


def _with_labels(
    table: Table,
    labels: LabelFile,
    target: str | None,
    *,
    transpose: bool | None,
    owner: str,
) -> tuple[Table, str | None]:
    """Return a table with the labels of its samples, and the column that has the classes."""
    if None not in (labels.column, target) and labels.column != target:
        raise DataError(
            f"{owner}: target and labels.column must be the same column, got {target!r} and "
            f"{labels.column!r}; remove one of them."
        )
    path = Path(labels.file).expanduser()
    suffix = check_file(path)
    if suffix == ARCHIVE:
        raise DataError(f"{path}: labels must be in a table with the names of the samples.")
    target = labels.column or target
    listed = read_table(path, suffix, target=target)
    if listed.cells.dtype != object:
        raise DataError(f"{path}: labels must be in a table with the names of the samples.")
    return join_labels(table, listed, labels, transpose=transpose, owner=owner), target


def check_file(path: Path) -> str:
    """Return the ending of a data file that is there, and can be read by its ending."""
    suffix = suffix_of(path)
    if path.is_dir():
        raise DataError(f"{path}: must be a file, got a folder.")
    if suffix is None:
        shown, remedy = path.suffix or "no ending", _OTHER_ENDINGS.get(path.suffix.lower(), "")
        raise DataError(
            f"{path}: a data file must end in {', '.join(plain_suffixes())}, got {shown}"
            f"{remedy and '; '}{remedy}."
        )
    if not path.exists():
        raise DataError(f"{path}: no such file, looked from {Path.cwd()}.")
    return suffix


_OTHER_ENDINGS = {
    ".xls": "save it as .xlsx or as CSV",
    ".ods": "save it as .xlsx or as CSV",
    ".rds": "write the table with R's write.csv",
    ".rdata": "write the table with R's write.csv",
    ".rda": "write the table with R's write.csv",
    ".sav": "save it as CSV",
    ".loom": "save it as .h5ad",
    ".soft": "GEO has the same series as a series matrix, ..._series_matrix.txt.gz",
    ".pkl": "nothing pickled is read: save it as .parquet or .npz",
    ".pickle": "nothing pickled is read: save it as .parquet or .npz",
    ".json": "save it as CSV",
    ".feather": "save it as .parquet",
}


def _with_facts(dataset: Dataset, stem: str) -> Dataset:
    known = known_dataset(stem, dataset.n_features)
    if known is None:
        return dataset
    notes = (known.note, *dataset.notes) if known.note else dataset.notes
    return replace(dataset, origin=known.citation, licence=known.licence, notes=notes)


def _load_name(text: str, **options: Any) -> Dataset:
    try:
        path = find_file(text)
    except InputError as error:
        raise DataError(f"{_OWNER}: {error}") from error
    if path is not None:
        return _load_file(path, **options)
    known = KNOWN.get(text)
    if known is None or known.openml is None:
        raise DataError(_unknown_name(text))
    number, remote_name = known.openml
    _refuse_columns(text, {key: options.pop(key) for key in ("transpose", "labels", "sheet")})
    options["name"] = options["name"] or text
    del options["progress"]
    try:
        dataset = load_openml(str(number), **options, expected_name=remote_name)
    except DataError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise DataError(
            f"{one_line(error)}; a file {text}.npz in $VAEGA_DATA or ./data needs no network, "
            f"{_searched()}."
        ) from error
    return replace(dataset, notes=(*dataset.notes, _OPENML_NOTE))


def _unknown_name(text: str) -> str:
    names = [entry.source for entry in available_datasets()]
    close = difflib.get_close_matches(text, names, n=1)
    guess = f" (did you mean {close[0]!r}?)" if close else ""
    problem = (
        f"{text!r} is known, but its file {text}.npz is not here"
        if text in KNOWN
        else f"no dataset is called {text!r}"
    )
    return f"{_OWNER}: {problem}{guess}; available from here are {', '.join(names)}; {_searched()}."


def _searched() -> str:
    folders = ", ".join(map(str, data_folders())) or "no folder, ./data is not there"
    named = os.environ.get("VAEGA_DATA")
    if not named:
        return f"VAEGA_DATA is not set; searched {folders}"
    if not Path(named).expanduser().is_dir():
        return f"VAEGA_DATA names {named}, which is no folder; searched {folders}"
    return f"searched {folders}"


def _file_entry(path: Path) -> DatasetEntry:
    stem = stem_of(path)
    shapes = read_npz_shapes(path) if path.suffix == ARCHIVE else {}
    size = describe_shapes(shapes) if path.suffix == ARCHIVE else f"a {suffix_of(path)} table"
    n_features = (shapes.get("X_train") or shapes.get("X") or (0,))[-1]
    known = known_dataset(stem, n_features)
    return DatasetEntry(stem, f"{known.title}, {size}" if known else size, str(path))


def data_folders() -> list[Path]:
    """Return the folders where names are looked up, the first one first."""
    named = os.environ.get("VAEGA_DATA")
    folders = [Path(named).expanduser()] if named else []
    if named and not folders[0].is_dir():
        warnings.warn(f"VAEGA_DATA names {named}, which is no folder.", stacklevel=2)
    return [folder for folder in (*folders, Path("data")) if folder.is_dir()]


def find_file(name: str) -> Path | None:
    """Find the file of a dataset by its bare name."""
    for folder in data_folders():
        for suffix in named_suffixes():
            path = path_inside(folder, name + suffix)
            if path.is_file():
                return path
    return None


def list_files() -> list[Path]:
    """List the data files that a bare name would find, one a name."""
    files: dict[str, Path] = {}
    for folder in data_folders():
        for path in sorted(folder.iterdir(), key=_by_suffix):
            visible = path.is_file() and not path.name.startswith(".")
            if visible and suffix_of(path) in named_suffixes():
                files.setdefault(stem_of(path), path)
    return list(files.values())


def _by_suffix(path: Path) -> tuple[str, int]:
    suffix, known = suffix_of(path), known_suffixes()
    return stem_of(path), known.index(suffix) if suffix else len(known)


BUNDLED = {
    "breast_cancer": "Breast cancer (Wisconsin, diagnostic), 569 rows x 30 features",
    "digits": "Handwritten digits, 1797 rows x 64 features",
    "iris": "Iris flowers, 150 rows x 4 features",
    "wine": "Wine recognition, 178 rows x 13 features",
}


def load_bundled(key: str, *, name: str | None = None) -> Dataset:
    """Load a dataset that ships inside scikit-learn."""
    if key not in BUNDLED:
        raise DataError(
            f"sklearn:{key}: the classification sets inside scikit-learn are "
            f"{', '.join(BUNDLED)}; got {key!r}."
        )
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{key}")()
    return Dataset.from_arrays(
        bunch.data,
        bunch.target_names[bunch.target],
        name=name or key,
        feature_names=[str(feature) for feature in bunch.feature_names],
        origin=f"scikit-learn, sklearn.datasets.load_{key}",
        licence="CC BY 4.0 (UCI); shipped with scikit-learn",
    )


@dataclass(frozen=True)
class KnownDataset:
    """Facts about a published dataset, or about a stand-in for one."""

    title: str
    citation: str
    licence: str
    n_features: int  # Its number of columns; a file with another number is not this dataset
    note: str = ""  # What one must know before using it
    openml: Sequence[Any] | None = None  # Number and name on OpenML, where it is there


def _read_catalogue() -> dict[str, KnownDataset]:
    content = read_yaml(Path(__file__).with_name("catalogue.yaml"))
    return {name: KnownDataset(**facts) for name, facts in content.items()}


KNOWN = _read_catalogue()


def known_dataset(name: str, n_features: int) -> KnownDataset | None:
    """Return the facts about a dataset when name and number of columns agree."""
    known = KNOWN.get(name)
    return known if known is not None and known.n_features == n_features else None


def describe_shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    """Write the sizes of a dataset's arrays for a list."""
    train = shapes.get("X_train", shapes.get("X", ()))
    test = shapes.get("X_test", ())
    if len(train) != 2:
        return f"arrays {quoted(shapes)}" if shapes else "not readable"
    more = f" (+ {test[0]} test rows)" if test else ""
    return f"{train[0]} rows{more} x {train[1]} features"


def needs_network(source: str) -> bool:
    """Tell whether a dataset is fetched from OpenML, and not read from a file or a package."""
    if source.startswith("openml:"):
        return True
    named = not _is_path(source) and ":" not in source
    known = KNOWN.get(source)
    return named and known is not None and known.openml is not None and find_file(source) is None


def read_columns(source: str, *, target: str | None = None) -> Table | None:
    """Return the columns of a file, before any of them is the target; None for what is no table."""
    _check_length(source)
    if ":" in source and not _is_path(source):
        return None
    path = Path(source).expanduser() if _is_path(source) else find_file(source)
    suffix = None if path is None else check_file(path)
    if path is None or suffix is None or suffix == ARCHIVE:
        return None
    return read_table(path, suffix, target=target)
