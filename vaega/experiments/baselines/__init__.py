"""Classical models on all features: what a selection of features is to be compared with."""
