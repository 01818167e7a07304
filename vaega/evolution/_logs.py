"""Callbacks that log an evolution: history as a table, CSV, MLflow."""

import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaega.core.errors import MissingExtraError, ResultsError
from vaega.core.files import write_text
from vaega.evolution._evolution import Callback

History = tuple[Mapping[str, float], ...]


class KeepHistory(Callback):
    """Keep the record of each generation.

    Attributes
    ----------
    records : list of mapping
        One a generation, those before a resume included; with ``search`` where several vote.

    Examples
    --------
    >>> from vaega import GeneticSelector
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.datasets import load_wine
    >>> log = KeepHistory()
    >>> selector = GeneticSelector(
    ...     GaussianNB(), n_searches=2, population_size=10, n_generations=3, callbacks=[log]
    ... ).fit(*load_wine(return_X_y=True))
    >>> log.to_frame()["generation"].tolist()
    [1, 2, 3, 1, 2, 3]
    """

    def __init__(self) -> None:
        self._histories: dict[int, History] = {}

    @property
    def records(self) -> list[Mapping[str, float]]:
        """One a generation."""
        return _records(self._histories)

    def on_start(self, algorithm: Any) -> None:
        """Begin with what a resumed evolution brings; the first search begins anew."""
        self._histories = _before(self._histories, self.search)
        self.on_generation(algorithm)

    def on_generation(self, algorithm: Any) -> None:
        """Take the record of the generation."""
        self._histories[self.search] = algorithm.state.history

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a table.

        Returns
        -------
        pandas.DataFrame
            One row a generation.
        """
        return pd.DataFrame(self.records)


class LogToCSV(Callback):
    """Append one row a generation to a CSV file, readable while the evolution runs.

    Parameters
    ----------
    path : str or pathlib.Path
        The file; replaced when an evolution begins.

    Notes
    -----
    Where several searches vote, the column ``search`` has the number of each row's. Numbers are
    written so that they are read back to the bit. When an evolution goes on from a checkpoint, the
    file is first written anew from its history: rows that came after the checkpoint, or a last one
    that a crash cut in half, are gone, and at the end the file is, byte for byte, that of an
    evolution which was never interrupted.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from types import SimpleNamespace
    >>> with TemporaryDirectory() as folder:
    ...     log = LogToCSV(Path(folder) / "log.csv")
    ...     log.on_start(SimpleNamespace(state=SimpleNamespace(history=())))
    ...     history = ({"generation": 1, "best": 0.75},)
    ...     log.on_generation(SimpleNamespace(state=SimpleNamespace(history=history)))
    ...     print((Path(folder) / "log.csv").read_text())
    generation,best
    1,0.75
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._histories: dict[int, History] = {}
        self._columns: list[str] = []
        self._last: Mapping[str, float] = {}
        self._n_rows = 0

    def on_start(self, algorithm: Any) -> None:
        """Write the history so far; an empty file when there is none."""
        self._histories = _before(self._histories, self.search)
        self._rewrite(algorithm.state.history)

    def on_generation(self, algorithm: Any) -> None:
        """Append the generation."""
        history = algorithm.state.history
        before = history[self._n_rows - 1] if self._n_rows else {}
        record = _numbered(history[-1], self.search, several=self.search > 0)
        if len(history) != self._n_rows + 1 or before != self._last or self._is_new(record):
            self._rewrite(history)
        else:
            self._append(record)
            self._last, self._n_rows = history[-1], self._n_rows + 1
            self._histories[self.search] = history

    def _is_new(self, record: Mapping[str, float]) -> bool:
        return not self._columns or not set(record) <= set(self._columns)

    def _append(self, record: Mapping[str, float]) -> None:
        try:
            with Path(self.path).open("a", encoding="utf-8", newline="") as file:
                file.write(_line(record, self._columns))
        except OSError as error:
            raise ResultsError(f"{self.path}: cannot be written: {error.strerror}.") from error

    def _rewrite(self, history: History) -> None:
        self._histories[self.search] = history
        records = _records(self._histories)
        self._columns = list(dict.fromkeys(key for record in records for key in record))
        head = [",".join(self._columns) + "\n"] if records else []
        rows = [_line(record, self._columns) for record in records]
        write_text(Path(self.path), "".join(head + rows))
        self._last, self._n_rows = (history[-1] if history else {}), len(history)


def _before(histories: Mapping[int, History], search: int) -> dict[int, History]:
    return {number: history for number, history in histories.items() if number < search}


def _records(histories: Mapping[int, History]) -> list[Mapping[str, float]]:
    several = max(histories, default=0) > 0
    return [
        _numbered(record, number, several=several)
        for number, history in sorted(histories.items())
        for record in history
    ]


def _numbered(record: Mapping[str, float], search: int, *, several: bool) -> Mapping[str, float]:
    return {"search": search, **record} if several else record


def _line(record: Mapping[str, float], columns: list[str]) -> str:
    return ",".join(_cell(record.get(column)) for column in columns) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    return "" if value is None else repr(value)


class LogToMLflow(Callback):
    """Log the figures of each generation as metrics of an MLflow run; needs the extra ``mlflow``.

    Parameters
    ----------
    experiment : str, optional
        Name of MLflow's experiment, made when missing; its default one when absent.
    run_name : str, optional
        Name of the run; MLflow makes one up when absent.
    tracking_uri : str, optional
        Where to log; as MLflow is configured when absent.

    Attributes
    ----------
    run_id_ : str
        MLflow's name of the run, set when the evolution begins.

    Raises
    ------
    MissingExtraError
        When the evolution begins and MLflow is not installed.

    Notes
    -----
    The step is the generation. A checkpoint keeps which run it was (give this callback to
    `vaega.evolution.SaveCheckpoint` too), so that a resumed evolution goes on in it and
    logs no generation twice. MLflow's own active run is left alone.

    Examples
    --------
    >>> LogToMLflow("masks", tracking_uri="sqlite:///mlflow.db").experiment
    'masks'
    """

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        self.experiment = experiment
        self.run_name = run_name
        self.tracking_uri = tracking_uri
        self._resumed: str | None = None

    def state_arrays(self) -> dict[str, np.ndarray]:
        """Return which run it is."""
        return {"run_id": np.array(self.run_id_)} if hasattr(self, "run_id_") else {}

    def restore_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on in the run of a former part of the evolution."""
        self._resumed = str(arrays["run_id"])

    def on_start(self, algorithm: Any) -> None:
        """Begin a run, or go on in the resumed one."""
        mlflow = _import_mlflow()
        self._client = mlflow.MlflowClient(tracking_uri=self.tracking_uri)
        self._metric = mlflow.entities.Metric
        self._logged: set[int] = set()
        if self._resumed is None:
            self.run_id_ = self._begin_run()
        else:
            self.run_id_, self._resumed = self._resumed, None
            past = self._client.get_metric_history(self.run_id_, "best")
            self._logged = {int(metric.step) for metric in past}
        for record in algorithm.state.history:
            self._log(record)

    def on_generation(self, algorithm: Any) -> None:
        """Log the generation."""
        self._log(algorithm.state.history[-1])

    def on_end(self, algorithm: Any) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self.run_id_)

    def _begin_run(self) -> str:
        experiment_id = "0"
        if self.experiment is not None:
            known = self._client.get_experiment_by_name(self.experiment)
            experiment_id = (
                self._client.create_experiment(self.experiment)
                if known is None
                else known.experiment_id
            )
        run = self._client.create_run(experiment_id, run_name=self.run_name)
        return str(run.info.run_id)

    def _log(self, record: Mapping[str, float]) -> None:
        step, now = int(record["generation"]), int(time.time() * 1000)
        if step in self._logged:
            return
        metrics = [
            self._metric(key, float(value), now, step)
            for key, value in record.items()
            if key != "generation"
        ]
        self._client.log_batch(self.run_id_, metrics=metrics)
        self._logged.add(step)


def _import_mlflow() -> Any:
    try:
        return importlib.import_module("mlflow")
    except ImportError as error:
        raise MissingExtraError(owner="LogToMLflow", package="mlflow", extra="mlflow") from error
