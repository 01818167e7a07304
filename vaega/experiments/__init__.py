"""Experiments: one YAML file in, one folder of results out."""
