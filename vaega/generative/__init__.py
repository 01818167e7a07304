"""Autoencoders that generate labelled rows, their training, their cache, and the sampler."""
