"""Population engines: classifiers whose scores for many masks are computed together.

An engine gives the scores that scikit-learn would give: the exact ones to the bit, or none at all
(wherever rounding could turn a prediction they leave the mask undecided, and scikit-learn itself
decides); those that train by iteration up to what rounding moves.
"""
