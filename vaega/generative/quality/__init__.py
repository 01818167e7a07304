"""How good synthetic rows are: classifiers, distributions, copies, likelihoods, and a verdict."""

from vaega.generative.quality._measurement import QualityReport, measure_quality, measure_rows

__all__ = ["QualityReport", "measure_quality", "measure_rows"]
