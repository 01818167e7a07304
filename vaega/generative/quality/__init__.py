"""How good synthetic rows are: classifiers, distributions, copies, likelihoods, and a verdict."""

from vaega.generative.quality.measurement import measure_quality, measure_rows
from vaega.generative.quality.report import QualityReport

__all__ = ["QualityReport", "measure_quality", "measure_rows"]
