"""Selectors for scikit-learn: the search put to work on data."""
