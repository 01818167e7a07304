"""Population engines: classifiers whose scores for many masks are computed together.

An engine gives the scores that scikit-learn would give, to the bit, or none at all: wherever
rounding could turn a prediction it leaves the mask undecided, and scikit-learn itself decides.
"""
