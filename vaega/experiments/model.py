"""The final model of an arm on disk: ``model.json`` says what it is, ``pipeline.skops`` holds it.

Nothing is unpickled. A skops file is an archive of plain arrays and of a text that names classes;
one that names any but those of vaega and scikit-learn is refused before anything of it is made.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from vaega.core.checks import check_choice
from vaega.core.errors import ResultsError, one_line
from vaega.core.files import canonical_json, plain, read_json, write_bytes, write_json
from vaega.data._dataset import quoted
from vaega.data._preprocess import Preprocessor
from vaega.experiments.pipeline import make_pipeline
from vaega.experiments.store import Store

FOLDER = "model"  # In the folder of a final run
_CARD, _PIPELINE = "model.json", "pipeline.skops"
_FORMAT = 1
_SAID = {"name", "arm", "dataset", "columns", "categories", "class_names", "files"}  # At least
# Of vaega's own classes, all that a pipeline may hold
_OWN = {
    "vaega.experiments.pipeline": ("NamedColumns", "KeptColumns", "NamedClasses"),
    "vaega.data._preprocess": ("Preprocessor",),
    "vaega.data._steps": (
        "Log2", "LogOnePlus", "CentredLogRatio", "QuantileNormalize", "Clip", "Scale",
        "DropConstant", "VarianceFilter", "Impute",
    ),
}  # fmt: skip
_TRUSTED = frozenset(
    ["numpy.dtype", *(f"{module}.{name}" for module, names in _OWN.items() for name in names)]
)
# What a damaged or a strange file raises on its way to becoming objects
_DAMAGES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, RuntimeError,
    MemoryError, zipfile.BadZipFile,
)  # fmt: skip


class UnwritableModelError(ResultsError):
    """A model that cannot be written without pickle."""


def write_model(
    folder: Path,
    *,
    preparation: Preprocessor,
    columns: np.ndarray,
    selected: np.ndarray,
    classifier: Any,
    feature_names: Sequence[str],
    class_names: Sequence[str],
    about: Mapping[str, Any],
    rows: np.ndarray | None = None,
) -> None:
    """Write a final model.

    `preparation` was fitted on `columns` of the features, `classifier` on those of its output
    columns that `selected` numbers. `about` says what the model was made of: name of the
    experiment, arm, run, and the section ``dataset``; `rows` are those that it was fitted on, with
    all features, whose least and largest values it keeps. What skops cannot write, or does not read
    back, is an `UnwritableModelError`.
    """
    names = np.asarray(feature_names, dtype=str)
    pipeline = make_pipeline(
        preparation, selected, classifier, feature_names=names[columns], class_names=class_names
    )
    content, needed = _as_bytes(pipeline), pipeline.feature_names_in_.tolist()
    spread = about["dataset"].get("categorical") == "one_hot"
    card = {
        "format": _FORMAT,
        **about,
        "columns": needed,
        "ranges": None if rows is None else _ranges(rows[:, columns], names[columns], needed),
        "categories": _categories(needed, feature_names) if spread else {},
        "class_names": list(class_names),
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "skops")},
        "files": {_PIPELINE: hashlib.sha256(content).hexdigest()},
    }
    card = dict(plain(card))
    write_bytes(folder / _PIPELINE, content)
    write_json(folder / _CARD, card | {"digest": _digest(card)})


def _ranges(
    rows: np.ndarray, names: Sequence[str], needed: Sequence[str]
) -> list[list[float] | None]:
    """Return the least and the largest value of each column needed; None where it has none."""
    place = {name: index for index, name in enumerate(names)}
    taken = rows[:, [place[name] for name in needed]]
    ends = np.column_stack([np.fmin.reduce(taken, axis=0), np.fmax.reduce(taken, axis=0)])
    return [None if np.isnan(pair).any() else pair.tolist() for pair in ends]


def _categories(needed: Sequence[str], feature_names: Sequence[str]) -> dict[str, list[str]]:
    """Return by their name the words of the text columns that were spread into 0/1 columns."""
    spread = {name.partition("=")[0] for name in needed if "=" in name}
    words: dict[str, list[str]] = {}
    for name in feature_names:
        column, _, word = name.partition("=")
        if column in spread and word:
            words.setdefault(column, []).append(word)
    return words


def _digest(card: Mapping[str, Any]) -> str:
    said = {key: value for key, value in card.items() if key != "digest"}
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()


def _as_bytes(pipeline: Pipeline) -> bytes:
    from skops import io as skops

    try:
        content = _without_addresses(skops.dumps(pipeline))
        skops.loads(content, trusted=skops.get_untrusted_types(data=content))
    except Exception as error:  # of classes that are anybody's
        steps = [*pipeline["preparation"].fitted_steps_, pipeline["classifier"].classifier]
        names = ", ".join(type(step).__name__ for step in steps)
        raise UnwritableModelError(
            f"the model ({names}) cannot be written without pickle: {one_line(error)}."
        ) from error
    return content


def _without_addresses(content: bytes) -> bytes:
    """Return a skops file whose bytes are those of any process that holds an equal object.

    skops tells objects, and files of arrays, apart by their addresses in memory.
    """
    addresses: dict[int, int] = {}
    files: dict[str, str] = {}

    def renumbered(node: Any) -> Any:
        if isinstance(node, list):
            return [renumbered(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = dict(node)
        address = node.pop("__id__", None)
        # Of what never changes two may be one, which differs from process to process.
        if isinstance(address, int) and node.get("__loader__") not in ("JsonNode", "TypeNode"):
            node["__id__"] = addresses.setdefault(address, len(addresses) + 1)
        if "__loader__" in node and "file" in node:
            name = f"{len(files)}{Path(node['file']).suffix}"
            node["file"] = files.setdefault(node["file"], name)
        return {key: renumbered(value) for key, value in node.items()}

    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(packed, "w") as archive:
        schema = renumbered(json.loads(given.read("schema.json")))
        for name, new in files.items():
            archive.writestr(zipfile.ZipInfo(new), given.read(name))
        archive.writestr(zipfile.ZipInfo("schema.json"), json.dumps(schema, separators=(",", ":")))
    return packed.getvalue()


def find_model(path: Path, *, arm: str | None = None) -> Path:
    """Return the folder of a model: of an experiment's arm, of a run, or the folder itself."""
    for folder in (path, path / FOLDER):
        if (folder / _CARD).is_file():
            return folder
    store = Store(path)
    with store.reading():
        arms = list(store.config["arms"])
        finals = {name: final for name in arms if (final := store.final(name))}
    if arm is not None:
        check_choice(arm, "arm", arms, owner=str(path))
        finals = {name: final for name, final in finals.items() if name == arm}
    if not finals:
        raise ResultsError(
            f"{path}: has no final run{'' if arm is None else f' of {arm}'} that is done; where "
            f"protocol.final is not false, go on with: vaega resume {path}"
        )
    if len(finals) > 1:
        raise ResultsError(
            f"{path}: {len(finals)} arms have a model ({quoted(finals)}): name one as arm (--arm)."
        )
    ((name, final),) = finals.items()
    if not (final.folder / FOLDER / _CARD).is_file():
        reason = (final.metrics or {}).get("no_model", "its files are not there.")
        raise ResultsError(f"{path}: the final run of {name} has no model: {reason}")
    return final.folder / FOLDER


def read_card(folder: Path) -> dict[str, Any]:
    """Return what ``model.json`` says of a model, when it is whole."""
    path = folder / _CARD
    card = read_json(path)
    try:
        whole = card["format"] == _FORMAT and card["digest"] == _digest(card)
        whole = whole and card.keys() >= _SAID
    except (LookupError, TypeError, ValueError):
        whole = False
    if not whole:
        raise ResultsError(
            f"{path}: is damaged, or of another version: its digest is not that of its content; "
            f"remove {folder.parent}, and vaega resume makes it anew."
        )
    return dict(card)


def load_model(
    path: str | Path, *, arm: str | None = None, trust: Collection[str] = ()
) -> Pipeline:
    """Load a final model, fitted on all rows of an experiment.

    Parameters
    ----------
    path : str or path
        A results folder, ``results/NAME``; the folder of a final run; or its folder ``model``.
    arm : str, optional
        Whose model, where the experiment has several arms.
    trust : collection of str
        Classes of other packages that the file may hold, each as ``package.module.Class``; those of
        vaega and scikit-learn need not be named. What a class does when it is made is up to it.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted. It takes a data frame with at least the columns ``feature_names_in_``, in any order,
        or an array of these columns in that order; `predict` gives the names of classes, and
        `predict_proba` or `decision_function`, where its classifier has them, are in the order of
        ``classes_``.

    Raises
    ------
    ResultsError
        When there is no model, several arms have one, a file is damaged, or it holds a class that
        is not trusted; the message is one sentence.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from vaega import load_dataset
    >>> from vaega.experiments import make_config, run_experiment
    >>> config = make_config({
    ...     "name": "wine",
    ...     "dataset": {"source": "sklearn:wine"},
    ...     "preprocess": ["standardize"],
    ...     "fitness": {"classifier": "gaussian_nb"},
    ...     "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    ...     "seeds": 1,
    ... })
    >>> data, folder = load_dataset("sklearn:wine"), Path(mkdtemp())
    >>> _ = run_experiment(config, data, folder)
    >>> model = load_model(folder / "wine")
    >>> list(model.named_steps)
    ['columns', 'preparation', 'mask', 'classifier']
    >>> columns = [data.feature_names.index(name) for name in model.feature_names_in_]
    >>> model.predict(data.X[:2, columns]).shape, model.classes_.tolist()
    ((2,), ['class_0', 'class_1', 'class_2'])
    """
    folder = find_model(Path(path), arm=arm)
    return read_pipeline(folder, read_card(folder), trust=trust)


def read_pipeline(
    folder: Path, card: Mapping[str, Any], *, trust: Collection[str] = ()
) -> Pipeline:
    """Return the Pipeline that ``model.json`` belongs to."""
    path = folder / _PIPELINE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != card["files"].get(_PIPELINE):
        raise ResultsError(
            f"{path}: is damaged: its digest is not the one in {_CARD}; remove {folder.parent}, "
            "and vaega resume makes it anew."
        )
    try:
        pipeline = _from_bytes(content, path, trust)
        if not isinstance(pipeline, Pipeline) or pipeline[0].names.tolist() != card["columns"]:
            raise ValueError(f"it is not the pipeline that {_CARD} describes")
    except ResultsError:
        raise
    except _DAMAGES as error:
        raise ResultsError(f"{path}: cannot be read as a model: {one_line(error)}.") from error
    return pipeline


def _from_bytes(content: bytes, path: Path, trust: Collection[str]) -> Any:
    from skops import io as skops

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # Nothing is packed, so that a small file stays small when it is read.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("its parts must be stored as they are, and are compressed")
    asked = skops.get_untrusted_types(data=content)
    strange = [name for name in asked if not (name in _TRUSTED | set(trust) or _is_sklearn(name))]
    if strange:
        options = " ".join(f"--trust {name}" for name in strange)
        raise ResultsError(
            f"{path}: holds what is neither of vaega nor of scikit-learn ({quoted(strange)}); "
            f"where you trust it and whoever made the file: {options}"
        )
    return skops.loads(content, trusted=asked)


def _is_sklearn(name: str) -> bool:
    """Return whether a name is that of a class which scikit-learn itself defines."""
    module, _, cls = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    try:
        found = getattr(import_module(module), cls, None)
    except ImportError:
        return False
    # A function, or what a module of scikit-learn has imported, could do anything.
    return isinstance(found, type) and found.__module__ == module
