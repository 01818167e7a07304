"""The steps of a final model, from named columns to named classes, as one fitted Pipeline."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from vaega.core.errors import DataError, one_line
from vaega.core.threads import one_thread
from vaega.data._cohort import missing_columns
from vaega.data._dataset import quoted
from vaega.data._preprocess import Preprocessor
from vaega.selection._frames import check_numeric, is_polars

_OWNER = "the model"


def make_pipeline(
    preparation: Preprocessor,
    selected: np.ndarray,
    classifier: Any,
    *,
    feature_names: Sequence[str],
    class_names: Sequence[str],
) -> Pipeline:
    """Return what was fitted as a Pipeline that takes no other columns than it needs.

    `selected` are positions in what `preparation` gives; `feature_names` are those of its input;
    the codes that `classifier` predicts are positions in `class_names`.
    """
    if selected.size:
        few, needed, kept = preparation.narrowed(selected)
    else:  # a classifier that knows the classes' shares alone
        few, needed, kept = preparation, np.arange(preparation.n_features_in_), selected
    return Pipeline(
        [
            ("columns", NamedColumns(np.asarray(feature_names, dtype=str)[needed])),
            ("preparation", few),
            ("mask", KeptColumns(kept)),
            ("classifier", NamedClasses(_with_one_job(classifier), np.asarray(class_names, str))),
        ]
    )


def _with_one_job(classifier: Any) -> Any:
    # Forests add up what their threads give in the order in which it comes.
    if "n_jobs" in classifier.get_params(deep=False):
        classifier.set_params(n_jobs=None)
    return classifier


class _Fitted(BaseEstimator):
    """A step that has nothing to learn."""

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> "_Fitted":
        """Do nothing."""
        return self


class NamedColumns(TransformerMixin, _Fitted, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Takes columns by their names from a data frame, or all columns of an array in their order.

    ``site=north`` is also had from a column ``site``: 1 where it holds the word, 0 elsewhere.
    """

    def __init__(self, names: np.ndarray) -> None:
        self.names = names

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names, object array of shape (n_features,)."""
        return self.names.astype(object)

    @property
    def n_features_in_(self) -> int:
        """How many there are."""
        return len(self.names)

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns as float64, shape (n_rows, n_features)."""
        if hasattr(X, "columns"):
            return self._named(X)
        values = _numbers(X)
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise DataError(
                f"{_OWNER}: an array must have the {len(self.names)} columns of feature_names_in_ "
                f"in their order, got shape {values.shape}."
            )
        return values

    def _named(self, frame: Any) -> np.ndarray:
        present = [str(name) for name in frame.columns]
        places = {name: at for at, name in enumerate(present)}
        twice = [name for name, n in Counter(present).items() if n > 1 and name in set(self.names)]
        if twice:
            raise DataError(f"{_OWNER}: columns must differ in name, got twice {quoted(twice)}.")
        words = {name: name.partition("=")[::2] for name in self.names if name not in places}
        absent = [name for name, (column, _) in words.items() if column not in places]
        if absent:
            raise DataError(f"{_OWNER}: {missing_columns(absent, present, len(self.names))}")
        values = np.empty((len(frame), len(self.names)))
        plain = [at for at, name in enumerate(self.names) if name in places]
        if plain:
            at = [places[self.names[i]] for i in plain]
            values[:, plain] = _numbers(frame[:, at] if is_polars(frame) else frame.iloc[:, at])
        for i, name in enumerate(self.names):
            if name in words:  # a word of a text column, which was spread into 0/1 columns
                column, word = words[name]
                values[:, i] = [isinstance(cell, str) and cell == word for cell in frame[column]]
        return values

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names."""
        return self.feature_names_in_


def _numbers(X: Any) -> np.ndarray:
    check_numeric(X, _OWNER)
    try:
        if hasattr(X, "iloc"):
            return X.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.ascontiguousarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{_OWNER}: rows must hold numbers, got {one_line(error)}.") from error


class KeptColumns(TransformerMixin, _Fitted, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Keeps the columns that a mask selects, by their positions."""

    def __init__(self, columns: np.ndarray) -> None:
        self.columns = columns

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns, shape (n_rows, n_selected); one of zeros where there is none."""
        return X.take(self.columns, axis=1) if self.columns.size else np.zeros((len(X), 1))

    def get_feature_names_out(self, input_features: np.ndarray) -> np.ndarray:
        """Return their names."""
        return np.asarray(input_features, dtype=object)[self.columns]


def _has(method: str) -> Any:
    return lambda model: hasattr(model.classifier, method)


class NamedClasses(ClassifierMixin, _Fitted):
    """A classifier of codes that gives the names of classes, with one thread: the same bits."""

    def __init__(self, classifier: Any, class_names: np.ndarray) -> None:
        self.classifier = classifier
        self.class_names = class_names

    @property
    def classes_(self) -> np.ndarray:
        """The names of the classes that it knows, in the order of its probabilities."""
        return self.class_names[self.classifier.classes_]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the name of a class for each row, shape (n_rows,)."""
        with one_thread():
            return self.class_names[self.classifier.predict(X)]

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        with one_thread():
            return self.classifier.predict_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return decisions as the classifier does: one a row for two classes, else one a class."""
        with one_thread():
            return self.classifier.decision_function(X)
