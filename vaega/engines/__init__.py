"""Engines: a classifier's scores for whole populations of masks at once, one classifier a file.

`_registry` matches a scikit-learn classifier and scorer to an engine; the engines hold their numba
kernels. Scores are scikit-learn's; what rounding could turn is left to scikit-learn itself.
"""
