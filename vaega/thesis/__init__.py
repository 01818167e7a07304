"""The thesis that the toolkit reproduces: published facts, experiments, tables and figures."""
