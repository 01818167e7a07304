"""Experiments: arms and seeds of a configuration as runs, protocols, the results folder."""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

if TYPE_CHECKING:
    from vaega.experiments.config import load_config, make_config
    from vaega.experiments.model import load_model
    from vaega.experiments.run import run_experiment
    from vaega.experiments.runner import ExecutionOptions
    from vaega.experiments.store import Store

__getattr__, __all__ = attach(
    __name__,
    {
        "config": ["load_config", "make_config"],
        "model": ["load_model"],
        "run": ["run_experiment"],
        "runner": ["ExecutionOptions"],
        "store": ["Store"],
    },
)
