"""Statistics of experiments: paired arms, effects, intervals, ranks over datasets."""
