"""`select`: the features of a table in one line, with settings that fit what is in it."""

import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vaega.core.checks import did_you_mean
from vaega.core.errors import DataError, InputError
from vaega.core.randomness import RandomState
from vaega.data._dataset import Dataset, quoted
from vaega.data._preprocess import Preprocessor
from vaega.data._sources import load_dataset
from vaega.data._suggestions import suggest_metric, suggest_steps
from vaega.data._tables import Table, dataset_from_table
from vaega.selection._selector import GeneticSelector

if TYPE_CHECKING:
    import pandas as pd

_OWNER = "select"
_GIVEN = "target, given apart"  # name of labels that are no column of a data frame
_SHOWN = 8  # names in a printed selection


def select(
    data: Any,
    target: Any = None,
    *,
    estimator: Any = None,
    random_state: RandomState = 0,
    **options: Any,
) -> "Selection":
    """Select features of a table: it is read, prepared and searched with settings that fit it.

    Missing values are filled, skewed counts logged, and the default classifier, a ridge classifier,
    is scaled inside the folds; masks are scored by ROC AUC for two classes and by balanced accuracy
    for more. All rows take part in the selection, so that none can say how good it is: there is no
    held-out score here. ``vaega init`` and ``vaega run`` hold rows back, and so does a
    `GeneticSelector` in a pipeline inside `sklearn.model_selection.cross_validate`.

    Parameters
    ----------
    data : str, path, DataFrame, Dataset, array-like or pair (X, y)
        A file or a name as `load_dataset` takes it; a table with a column of classes; rows of
        numbers, of shape (n_rows, n_features).
    target : str or array-like of shape (n_rows,), optional
        The column with the classes, or the labels themselves.
    estimator : classifier, optional
        What scores masks; the default is ``make_pipeline(StandardScaler(), RidgeClassifier())``.
    random_state : int, RandomState, Generator or None, default=0
        Everything random in the search comes from it.
    **options
        Parameters of `GeneticSelector`, such as ``max_features`` and ``n_jobs``; and how a table is
        read, as `load_dataset` takes it: ``ignore``, ``categorical``, ``groups``.

    Returns
    -------
    Selection
        The selected names, the fitted selector, and a transform for new rows.

    Raises
    ------
    InputError
        When the data cannot be read, or a parameter breaks a rule; the message is one sentence.

    See Also
    --------
    GeneticSelector : The search, for pipelines and cross-validation.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 12))).add_prefix("gene_")
    >>> table["response"] = np.where(table["gene_3"] + table["gene_7"] > 0, "yes", "no")
    >>> found = select(table, "response", n_searches=3, n_generations=4)
    >>> {"gene_3", "gene_7"} <= set(found.features)
    True
    >>> found.transform(table).shape == (60, len(found.features))
    True
    """
    known = inspect.signature(GeneticSelector).parameters
    settings = {key: value for key, value in options.items() if key in known}
    reading = {key: value for key, value in options.items() if key not in known}
    dataset = _dataset_of(data, target, reading)
    steps = [one.step for one in suggest_steps(dataset.X) if one.step != "standardize"]
    preparation = Preprocessor(steps, random_state=0)
    prepared = preparation.fit_transform(dataset.X, dataset.y)
    if estimator is None:
        estimator = make_pipeline(StandardScaler(), RidgeClassifier())
    settings.setdefault("scoring", suggest_metric(dataset.y))
    names = np.asarray(dataset.feature_names, dtype=object)[preparation.columns_]
    for key in {"pinned", "forbidden"} & settings.keys():
        settings[key] = _positions(settings[key], names.tolist(), key)
    selector = GeneticSelector(estimator, random_state=random_state, **settings)
    grouped = {} if dataset.groups is None else {"groups": dataset.groups}
    selector.fit(prepared, dataset.labels, **grouped)
    features = tuple(names[selector.support_].tolist())
    return Selection(features, selector, preparation, dataset)


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """What `select` found.

    Parameters
    ----------
    features : tuple of str
        The selected columns, in the order of the table.
    selector : GeneticSelector
        Fitted on the prepared rows.
    preparation : Preprocessor
        Fitted: what is done with rows before.
    dataset : Dataset
        The rows that took part.

    Examples
    --------
    >>> from vaega import load_dataset
    >>> found = select(load_dataset("sklearn:wine"), n_searches=2, n_generations=2)
    >>> print(found)
    Selection of ... of 13 features of wine (178 rows: class_0 59, class_1 71, class_2 48):
    ...
    No score: all rows took part; vaega run, or cross_validate of a pipeline, holds rows back.
    """

    features: tuple[str, ...]
    selector: GeneticSelector
    preparation: Preprocessor
    dataset: Dataset

    @property
    def pipeline(self) -> Pipeline:
        """Preparation and selector, fitted, as a transformer of scikit-learn."""
        return Pipeline([("prepare", self.preparation), ("select", self.selector)])

    def summary(self) -> "pd.DataFrame":
        """Return the selected features, those that more searches took first.

        Returns
        -------
        DataFrame
            ``name``, and ``frequency``: the share of the searches that took it.

        Examples
        --------
        >>> from vaega import load_dataset
        >>> found = select(load_dataset("sklearn:wine"), n_searches=2, n_generations=2)
        >>> found.summary().columns.tolist()
        ['name', 'frequency']
        """
        import pandas as pd

        frequencies = self.selector.frequencies_[self.selector.support_]
        table = pd.DataFrame({"name": self.features, "frequency": frequencies})
        return table.sort_values("frequency", ascending=False, kind="stable", ignore_index=True)

    def transform(self, X: Any) -> "pd.DataFrame":
        """Return the selected columns of rows, prepared as those that took part.

        Parameters
        ----------
        X : DataFrame or array-like
            Rows with all columns of the table; those of a DataFrame are found by name.

        Returns
        -------
        DataFrame of shape (n_rows, n_selected)

        Raises
        ------
        DataError
            When a column is missing, or the rows cannot be prepared.

        Examples
        --------
        >>> from vaega import load_dataset
        >>> wine = load_dataset("sklearn:wine")
        >>> found = select(wine, n_searches=2, n_generations=2)
        >>> found.transform(wine.X).shape == (178, len(found.features))
        True
        """
        import pandas as pd

        index = None
        if hasattr(X, "columns"):
            frame = _as_pandas(X)
            index, X = frame.index, self._columns_of(frame)
        values = self.pipeline.transform(np.asarray(X))
        return pd.DataFrame(values, columns=list(self.features), index=index)

    def _columns_of(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return the columns that took part, words of a text column as 0 and 1 as they did."""
        import pandas as pd

        names = list(self.dataset.feature_names)
        spread, absent = {}, []
        for name in [name for name in names if name not in frame.columns]:
            columns = [one for one in frame.columns if name.startswith(f"{one}=")]
            column = max(columns, key=lambda one: len(str(one)), default=None)
            if column is None:
                absent.append(name)
            else:
                word = name.removeprefix(f"{column}=")
                spread[name] = [float(str(value).strip() == word) for value in frame[column]]
        if absent:
            raise DataError(
                f"Selection: rows must have the columns that took part, got none called "
                f"{quoted(absent)}."
            )
        if spread:
            frame = pd.concat([frame, pd.DataFrame(spread, index=frame.index)], axis=1)
        return frame.loc[:, names]

    def __repr__(self) -> str:
        data, shown = self.dataset, self.summary()["name"].tolist()
        counts = np.bincount(data.y, minlength=data.n_classes)
        classes = ", ".join(
            f"{name} {count}" for name, count in zip(data.class_names, counts, strict=True)
        )
        rest = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return (
            f"Selection of {len(shown)} of {data.n_features} features of {data.name} "
            f"({data.n_rows} rows: {classes}):\n{', '.join(shown[:_SHOWN])}{rest}\n"
            "No score: all rows took part; vaega run, or cross_validate of a pipeline, holds "
            "rows back."
        )


def _positions(features: Any, names: Sequence[str], key: str) -> Any:
    """Return where features that are given by name stand among the prepared columns."""
    if isinstance(features, str) or not isinstance(features, Iterable):
        return features  # which the selector refuses
    given, place = list(features), {name: index for index, name in enumerate(names)}
    for name in given:
        if isinstance(name, str) and name not in place:
            hint = did_you_mean(name, names)
            rule = "must name features of the table that are not constant"
            raise InputError(f"{_OWNER}: {key} {rule}, got {name!r}{hint}")
    return [place[one] if isinstance(one, str) else one for one in given]


def _dataset_of(data: Any, target: Any, reading: Mapping[str, Any]) -> Dataset:
    """Return the data as a dataset, whatever it came as."""
    if isinstance(data, str | os.PathLike):
        return load_dataset(data, target=target, **reading)
    if isinstance(data, tuple) and len(data) == 2 and target is None:
        data, target = data
    if isinstance(data, Dataset):
        _refuse(reading, "a Dataset")
        if target is not None:
            raise InputError.of(_OWNER, "target", "is known of a Dataset; remove it", target)
        return data
    if hasattr(data, "columns"):
        return _dataset_of_frame(_as_pandas(data), target, reading)
    _refuse({key: value for key, value in reading.items() if key != "groups"}, "an array")
    if target is None or isinstance(target, str):
        raise InputError.of(_OWNER, "target", "must hold the labels of the rows", target)
    return Dataset.from_arrays(data, target, name="the rows", groups=reading.get("groups"))


def _dataset_of_frame(frame: Any, target: Any, reading: Mapping[str, Any]) -> Dataset:
    import pandas as pd

    names = tuple(map(str, frame.columns))
    if target is not None and not isinstance(target, str):
        labels = pd.Series(np.asarray(target), index=frame.index)
        frame, names, target = pd.concat([frame, labels], axis=1), (*names, _GIVEN), _GIVEN
    table = Table(frame, names)
    return dataset_from_table(table, target=target, name="the table", owner=_OWNER, **reading)


def _as_pandas(table: Any) -> "pd.DataFrame":
    """Return a data frame of pandas, also of one of polars."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    return pd.DataFrame({name: np.asarray(table[name]) for name in table.columns})


def _refuse(reading: Mapping[str, Any], kind: str) -> None:
    for key, value in reading.items():
        raise InputError(f"{_OWNER}: {key} is no parameter for {kind}, got {value!r}.")
