"""Feature selection for few rows and many columns.

A genetic algorithm evolves binary masks of features; each mask is scored by a classifier trained
on real rows and on rows that a variational autoencoder generates. Public names load on first use,
so that ``import vaega`` stays fast and imports no torch until a model is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Dataset": "vaega.data.dataset",
    "load_dataset": "vaega.data.sources",
    "make_madelon": "vaega.data.synthetic",
    "VAE": "vaega.generative.autoencoders",
    "ConditionalVAE": "vaega.generative.autoencoders",
    "ProbabilisticPCA": "vaega.generative.closed_form",
    "ClassGaussian": "vaega.generative.closed_form",
    "Autoencoder": "vaega.generative.autoencoders",
    "HierarchicalVAE": "vaega.generative.autoencoders",
    "FitWarning": "vaega.generative.base_autoencoder",
    "Bootstrap": "vaega.generative.bootstrap",
    "GaussianJitter": "vaega.generative.jitter",
    "SMOTE": "vaega.generative.smote",
    "measure_quality": "vaega.generative.quality",
    "measure_rows": "vaega.generative.quality",
    "VAEImputer": "vaega.generative.imputer",
    "VAEOutlierDetector": "vaega.generative.outliers",
    "GenerativeSampler": "vaega.generative.sampler",
    "GeneticSelector": "vaega.selection.genetic_selector",
    "SelectGenerateSelect": "vaega.selection.select_generate_select",
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
    from vaega.data.dataset import Dataset
    from vaega.data.sources import load_dataset
    from vaega.data.synthetic import make_madelon
    from vaega.evolution import operators
    from vaega.generative.autoencoders import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
    from vaega.generative.base_autoencoder import FitWarning
    from vaega.generative.bootstrap import Bootstrap
    from vaega.generative.closed_form import ClassGaussian, ProbabilisticPCA
    from vaega.generative.imputer import VAEImputer
    from vaega.generative.jitter import GaussianJitter
    from vaega.generative.outliers import VAEOutlierDetector
    from vaega.generative.quality import measure_quality, measure_rows
    from vaega.generative.sampler import GenerativeSampler
    from vaega.generative.smote import SMOTE
    from vaega.selection.genetic_selector import GeneticSelector
    from vaega.selection.select_generate_select import SelectGenerateSelect


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vaega' has no attribute {name!r}")
    home = import_module(_HOME[name])
    value = home if home.__name__.endswith(f".{name}") else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
