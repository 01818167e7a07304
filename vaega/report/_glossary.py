"""The words of the outputs, one for each thing."""

GLOSSARY = {
    "arm": "one way of selecting and fitting, with a name in the configuration",
    "seed": "a number from which everything random in a run is drawn",
    "run": "an arm with a seed",
    "split": "a partition of the rows into training rows and test rows",
    "trial": "one outer split within a run: selection, final model, one look at the test rows",
    "search": "one genetic search; several may vote within a trial",
    "mask": "a set of features, which is what a search scores",
    "held-out score": "of test rows that the selection did not see; each is read once",
    "inner score": "of the selected mask on inner folds of the training rows; it flatters",
    "optimism": "the inner score less the held-out score",
    "permuted labels": "rows get each other's labels: what the procedure then scores and "
    "selects is chance",
    "p": "the share of permutations, the labels as given counted among them, whose mean over the "
    "same seeds is as high",
    "chance": "the score of a model that knows no feature",
    "stability": "how far the trials agree on their features (Nogueira): 1 where all select the "
    "same, 0 where they agree no more than by chance",
    "final run": "the same procedure on all rows, for the signature; it has no score of its own",
    "generated rows": "rows that a generator adds to training rows; none is ever tested on",
}
