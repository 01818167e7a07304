"""Feature selection for few rows and many columns.

A genetic algorithm evolves binary masks of features; each mask is scored by a classifier trained
on real rows and on rows that a variational autoencoder generates. Public names load on first use,
so that ``import vaega`` stays fast and imports no torch until a model is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Dataset": "vaega.data._dataset",
    "load_dataset": "vaega.data._sources",
    "make_madelon": "vaega.data._synthetic",
    "VAE": "vaega.generative._models",
    "ConditionalVAE": "vaega.generative._models",
    "ProbabilisticPCA": "vaega.generative._closed_form",
    "ClassGaussian": "vaega.generative._closed_form",
    "Autoencoder": "vaega.generative._models",
    "HierarchicalVAE": "vaega.generative._models",
    "FitWarning": "vaega.generative._models",
    "Bootstrap": "vaega.generative._samplers",
    "GaussianJitter": "vaega.generative._samplers",
    "SMOTE": "vaega.generative._samplers",
    "measure_quality": "vaega.generative.quality",
    "measure_rows": "vaega.generative.quality",
    "VAEImputer": "vaega.generative._imputer",
    "VAEOutlierDetector": "vaega.generative._outliers",
    "GenerativeSampler": "vaega.generative._samplers",
    "GeneticSelector": "vaega.selection._selector",
    "SelectGenerateSelect": "vaega.selection._select_generate_select",
    "operators": "vaega.evolution.operators",
}

__all__ = [
    "SMOTE",
    "VAE",
    "Autoencoder",
    "Bootstrap",
    "ClassGaussian",
    "ConditionalVAE",
    "Dataset",
    "FitWarning",
    "GaussianJitter",
    "GenerativeSampler",
    "GeneticSelector",
    "HierarchicalVAE",
    "ProbabilisticPCA",
    "SelectGenerateSelect",
    "VAEImputer",
    "VAEOutlierDetector",
    "__version__",
    "load_dataset",
    "make_madelon",
    "measure_quality",
    "measure_rows",
    "operators",
]

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.data._sources import load_dataset
    from vaega.data._synthetic import make_madelon
    from vaega.evolution import operators
    from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
    from vaega.generative._imputer import VAEImputer
    from vaega.generative._models import (
        VAE,
        Autoencoder,
        ConditionalVAE,
        FitWarning,
        HierarchicalVAE,
    )
    from vaega.generative._outliers import VAEOutlierDetector
    from vaega.generative._samplers import SMOTE, Bootstrap, GaussianJitter, GenerativeSampler
    from vaega.generative.quality import measure_quality, measure_rows
    from vaega.selection._select_generate_select import SelectGenerateSelect
    from vaega.selection._selector import GeneticSelector


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vaega' has no attribute {name!r}")
    home = import_module(_HOME[name])
    value = home if home.__name__.endswith(f".{name}") else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
