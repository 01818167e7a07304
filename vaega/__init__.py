"""Feature selection for few rows and many columns.

A genetic algorithm evolves binary masks of features; each mask is scored by a classifier trained
on real rows and on rows that a variational autoencoder generates. Public names load on first use,
so that ``import vaega`` stays fast and imports no torch until a model is asked for.
"""

from typing import TYPE_CHECKING

from vaega.core.lazy import attach

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vaega.data._dataset import Dataset
    from vaega.data._sources import load_dataset
    from vaega.data._synthetic import make_madelon
    from vaega.evolution import operators
    from vaega.experiments.model import load_model
    from vaega.generative._closed_form import ClassGaussian, ProbabilisticPCA
    from vaega.generative._imputer import VAEImputer
    from vaega.generative._models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
    from vaega.generative._outliers import VAEOutlierDetector
    from vaega.generative._samplers import SMOTE, Bootstrap, GaussianJitter, GenerativeSampler
    from vaega.generative._state import FitWarning
    from vaega.generative.quality import measure_quality, measure_rows
    from vaega.selection._select import select
    from vaega.selection._select_generate_select import SelectGenerateSelect
    from vaega.selection._selector import GeneticSelector


__getattr__, __all__ = attach(
    __name__,
    {
        "data": ["Dataset", "load_dataset", "make_madelon"],
        "evolution": ["operators"],
        "experiments.model": ["load_model"],
        "generative._closed_form": ["ClassGaussian", "ProbabilisticPCA"],
        "generative._imputer": ["VAEImputer"],
        "generative._models": [
            "VAE",
            "Autoencoder",
            "ConditionalVAE",
            "HierarchicalVAE",
        ],
        "generative._outliers": ["VAEOutlierDetector"],
        "generative._samplers": ["SMOTE", "Bootstrap", "GaussianJitter", "GenerativeSampler"],
        "generative._state": ["FitWarning"],
        "generative.quality": ["measure_quality", "measure_rows"],
        "selection._select": ["select"],
        "selection._select_generate_select": ["SelectGenerateSelect"],
        "selection._selector": ["GeneticSelector"],
    },
)
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return __all__
