"""How good synthetic rows are: classifiers, distributions, copies, likelihoods, and a verdict."""

from vaega.core.lazy import attach

__getattr__, __all__ = attach(
    __name__, {"_measurement": ["QualityReport", "measure_quality", "measure_rows"]}
)
