"""Fitness of masks: whole populations in, scores out, higher is better."""
