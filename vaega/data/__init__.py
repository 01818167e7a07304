"""Datasets: where they come from, what they hold, how their rows are split and prepared."""
