"""Generative models of labelled rows, the samplers that augment with them, and their quality."""

from vaega.core.lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "_base": ["GenerativeModel"],
        "_cache": ["ModelCache"],
        "_closed_form": ["ClassGaussian", "ProbabilisticPCA"],
        "_imputer": ["VAEImputer"],
        "_models": ["VAE", "Autoencoder", "ConditionalVAE", "HierarchicalVAE"],
        "_outliers": ["VAEOutlierDetector"],
        "_registry": ["MODELS", "SAMPLERS"],
        "_samplers": ["SMOTE", "BaseSampler", "Bootstrap", "GaussianJitter", "GenerativeSampler"],
        "_state": ["FitReport", "FitWarning"],
        "_storage": ["load_model", "save_model"],
        "_training": ["History"],
    },
)
