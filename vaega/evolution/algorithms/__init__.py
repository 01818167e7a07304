"""Algorithms behind ``ask`` and ``tell``, one a file."""

from vaega.evolution.algorithms.generational import Generational

__all__ = ["Generational"]
