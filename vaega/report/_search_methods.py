"""What the methods section says of searches, of classical selections and of generators."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaega.core.wording import counted, listed, mean_count
from vaega.experiments.registry import make_model
from vaega.generative._registry import MODELS
from vaega.report._method_words import (
    ALGORITHMS,
    CROSSOVERS,
    ELITIST,
    GENERATORS,
    MUTATIONS,
    RANKERS,
    SELECTIONS,
    named,
    noun_for,
    value_words,
    was,
)
from vaega.report._results import Results
from vaega.selection._rankers import AUTO
from vaega.selection._settings import ERROR_CONTROL, SearchSettings


def search_sentences(results: Results) -> Iterator[str]:
    """Yield what the searches of an experiment did."""
    arms = results.searching
    if not arms:
        return
    search = results.config["search"]
    settings = _resolved(results)
    whose = "" if len(arms) == len(results.config["arms"]) else f"In {_arms(arms)}, "
    features = "Features" if not whose else "features"
    if search["consensus_size"] == ERROR_CONTROL:
        yield from _error_control(settings, f"{whose}{features}")
        if settings.guide != "none":
            return
    algorithm = named(ALGORITHMS, settings.algorithm)
    yield (
        f"{whose}{features} were selected by {algorithm}, implemented with DEAP [@fortin2012]"
        f"{_size_of_search(settings)}."
    )
    yield from _operators(settings)
    yield from _guide(settings, results)
    yield from _bounds(settings)
    yield from _stops(settings)
    if search["consensus_size"] != ERROR_CONTROL:
        yield from _vote(settings)
    yield from _preselect(search)
    masks = results.summary.set_index("arm")["n_distinct_mean"]
    known = {arm: mean_count(round(masks[arm])) for arm in arms if arm in masks}
    if len(known) == 1:
        yield f"A run scored {next(iter(known.values()))} different masks on average."
    elif known:
        numbers = listed([f"{number} in {arm}" for arm, number in known.items()])
        yield f"The different masks that a run scored were on average {numbers}."


def _arms(arms: Sequence[str]) -> str:
    return f"the {noun_for('arm', len(arms))} {listed(list(arms))}"


def _resolved(results: Results) -> SearchSettings:
    """Return the settings of the searches; what depends on the data stays "auto" without these."""
    keys = SearchSettings.__dataclass_fields__
    content = {key: value for key, value in results.config["search"].items() if key in keys}
    settings, n_rows = SearchSettings(**content), _n_training(results)
    n_features = results.facts.data.get("n_features")
    if n_rows is None or n_features is None:
        return settings
    return settings.resolved(n_rows=n_rows, n_features=n_features)


def _n_training(results: Results) -> int | None:
    """Return about how many training rows, or groups of rows, a trial has."""
    facts, protocol = results.facts.data, results.config["protocol"]
    if "n_rows" not in facts:
        return None
    n_rows = facts["n_groups"] or facts["n_rows"]
    if protocol["outer"] == "official":
        return int(n_rows - facts["n_test_rows"])
    if protocol["outer"] == "kfold":
        return round(n_rows * (1.0 - 1.0 / protocol["n_splits"]))
    return (
        round(n_rows * (1.0 - protocol["test_size"])) if protocol["outer"] == "holdout" else n_rows
    )


def _size_of_search(settings: SearchSettings) -> str:
    parts = []
    if isinstance(settings.population_size, int):
        parts.append(f"a population of {settings.population_size:,} masks")
    if isinstance(settings.n_generations, int):
        parts.append(counted(settings.n_generations, "generation"))
    if settings.algorithm == "islands":
        every = counted(settings.migrate_every, "generation")
        parts.append(f"{settings.n_islands} islands that exchanged masks every {every}")
    return f", with {listed(parts)}" if parts else ""


def _operators(settings: SearchSettings) -> Iterator[str]:
    selection = named(SELECTIONS, settings.selection)
    selection = selection.format(tournament_size=settings.tournament_size)
    mutation = "filter_guided" if settings.mutation == "auto" else settings.mutation
    flips = settings.flip_probability
    rate = f" (probability {flips:g})" if isinstance(flips, float) else ""
    chosen = f"Parents were chosen by {selection}, mated"
    if settings.algorithm == "nsga2":
        chosen = "Parents were mated"
    yield (
        f"{chosen} with probability {settings.crossover_probability:g} by "
        f"{named(CROSSOVERS, settings.crossover)}, and changed by {named(MUTATIONS, mutation)}"
        f"{rate}."
    )
    if settings.algorithm in ELITIST and settings.elite:
        best = "best mask" if settings.elite == 1 else f"{settings.elite} best masks"
        yield f"The {best} of a generation survived unchanged."


def _guide(settings: SearchSettings, results: Results) -> Iterator[str]:
    fraction = settings.initial_fraction
    if isinstance(fraction, float):
        yield f"Features entered the first masks with probability {fraction:g} on average."
    else:
        several = settings.n_searches not in (1, "auto")
        number = "ten" if several else "twenty"
        yield f"The first masks had {number} features in expectation (at most half of all)."
    if isinstance(settings.guide, str) and settings.guide == "none":
        return
    share = settings.guide_share
    part = f"by a share of {share:g}, " if isinstance(share, float) else "in part "
    rankers = _rankers(settings.guide, len(results.facts.data.get("class_names", ())))
    yield (
        f"The chances of features to enter a mask followed {part}a ranking of the rows that the "
        f"search was fitted on: {rankers}."
    )


def _rankers(guide: Any, n_classes: int) -> str:
    if isinstance(guide, str) and guide == "auto":
        guide = [name for name in AUTO if n_classes != 2 or name != "one_vs_rest"]
    if (
        isinstance(guide, list | tuple)
        and guide
        and all(isinstance(one, float | int) for one in guide)
    ):
        return "weights that were given"
    names = guide if isinstance(guide, list | tuple) else [guide]
    words = [named(RANKERS, name) for name in names]
    return (
        words[0] if len(words) == 1 else f"the mean of what features were worth by {listed(words)}"
    )


def _bounds(settings: SearchSettings) -> Iterator[str]:
    if settings.min_features > 1:
        yield f"A mask had at least {counted(settings.min_features, 'feature')}."
    if settings.max_features is not None:
        yield f"A mask had at most {counted(settings.max_features, 'feature')}."
    for features, verb in ((settings.pinned, "always"), (settings.forbidden, "never")):
        if features:
            yield f"{counted(len(features), 'feature')} {was(len(features))} {verb} selected."


def _stops(settings: SearchSettings) -> Iterator[str]:
    reasons = {
        "patience": "{} generations without a better mask",
        "max_evaluations": "{:,} different masks",
        "max_seconds": "{:g} seconds",
        "target": "an objective of {:g}",
    }
    given = [
        words.format(getattr(settings, name))
        for name, words in reasons.items()
        if getattr(settings, name) is not None
    ]
    if given:
        yield f"A search ended early after {' or '.join(given)}."
    if settings.restart_after is not None:
        yield (
            "A new population, but for the best masks, was drawn after "
            f"{settings.restart_after} generations without a better mask."
        )


def _vote(settings: SearchSettings) -> Iterator[str]:
    if settings.n_searches == 1:
        if settings.confirm:
            rule = str(settings.choice).replace("_", " ")
            source = " [@breiman1984]" if settings.choice == "one_standard_error" else ""
            yield (
                f"The {settings.confirm} best masks were scored again on "
                f"{settings.confirm_repeats} fresh partitions, and the final one was chosen from "
                f"them by the rule {rule}{source}."
            )
        return
    if not isinstance(settings.n_searches, int):
        return
    yield (
        f"Each trial had {settings.n_searches} such searches, each on a random, stratified "
        f"{100.0 * settings.subsample:g} % of the training rows, whose final masks voted."
    )
    yield (
        "The rankings of the features by votes, by each ranking of the guide, and by votes and "
        "guide together were compared, each at several sizes, on the training rows that a search "
        "had not seen; the first ranking led unless another was better by more than one standard "
        "error [@breiman1984], which counts the overlap of the subsamples [@nadeau2003]."
    )
    if isinstance(settings.consensus_size, int):
        size = counted(settings.consensus_size, "feature")
        yield f"The first {size} of the ranking that led {was(settings.consensus_size)} selected."


def _error_control(settings: SearchSettings, features: str) -> Iterator[str]:
    yield (
        f"{features} were selected by stability selection with complementary pairs of halves of "
        f"the training rows [@shah2013], such that at most {settings.false_selections:g} false "
        f"{'selection was' if settings.false_selections == 1 else 'selections were'} expected."
    )
    if settings.guide != "none":
        yield f"On each half, features were ranked by {_rankers(settings.guide, 0)}."
    else:
        yield "On each half, a search found them."


def _preselect(search: Mapping[str, Any]) -> Iterator[str]:
    if search.get("preselect"):
        kept = search["preselect"]["keep"]
        size = {"auto": "a tenth of the features, and twenty at least"}.get(
            str(kept),
            f"{100.0 * kept:g} % of the features"
            if isinstance(kept, float)
            else f"{kept} features",
        )
        yield (
            f"A first selection on the real training rows left {size}; the generator was fitted "
            "and the second selection made on these."
        )


def selector_sentences(results: Results) -> Iterator[str]:
    """Yield what arms without a search did."""
    for arm, content in results.config["arms"].items():
        if content.get("selector"):
            yield f"In the arm {arm}, {_selector(content['selector'])}."
        if content.get("regularised"):
            yield (
                f"In the arm {arm}, no rows were added, and the regularisation of the classifier "
                "was tuned on the inner folds."
            )


def _selector(selector: Mapping[str, Any]) -> str:
    kind, size = selector["kind"], selector.get("size", "auto")
    if kind == "all":
        return "all features were used"
    if size == "auto":
        cut = "as many as had the best score on the inner folds"
    elif isinstance(size, int):
        cut = counted(size, "feature")
    else:
        cut = f"as many as the arm {size} had selected"
    if kind == "random":
        n_masks = selector.get("n_masks") or 1000
        of_size = "" if size == "auto" else f", with {cut},"
        return f"the best of {n_masks:,} random masks{of_size} was taken"
    if kind == "forward":
        return f"features were added one by one (forward selection), {cut}"
    return f"features were ranked by {named(RANKERS, kind)}, and the first were taken: {cut}"


def generator_sentences(results: Results) -> Iterator[str]:
    """Yield where synthetic rows came from."""
    arms = {arm: own for arm, own in results.config["arms"].items() if own.get("generator")}
    for arm, own in arms.items():
        yield from _generator(arm, own, results)
    if not arms:
        return
    yield (
        "Generators were fitted on the rows that a classifier was fitted on, and no synthetic row "
        "was validated or tested on."
        if results.config["protocol"]["kind"] != "as-run"
        else "Generators saw the test rows too, and some of the synthetic rows were tested on."
    )
    protocol = results.config["protocol"]
    rows = protocol.get("final_rows") or protocol.get("final")
    if rows == "both":
        yield (
            "The final model was fitted on real and synthetic rows, and for comparison, on the "
            "same features, on the real rows alone."
        )
    elif rows == "real":
        yield "The final model was fitted on the real rows alone."


def _generator(arm: str, own: Mapping[str, Any], results: Results) -> Iterator[str]:
    generator, n_rows = own["generator"], own["n_synthetic"]
    kind = generator.get("kind") or generator.get("class")
    if kind == "auto" or n_rows == "auto":
        yield from _gate(arm, kind, own, results)
        return
    settings = {key: value for key, value in generator.items() if key not in ("kind", "class")}
    yield (
        f"In the arm {arm}, {counted(n_rows, 'synthetic row')}, shared evenly by the classes, "
        f"{was(n_rows)} added to the real ones, generated by {_generator_words(kind)}"
        f"{_network(kind, settings)}."
    )


def _generator_words(kind: Any) -> str:
    return named(GENERATORS, kind)


def _network(kind: str, settings: Mapping[str, Any]) -> str:
    """Return the settings of a generator, and for networks how they are trained."""
    model: Any = make_model(kind, settings) if kind in MODELS else None
    if not hasattr(model, "max_epochs"):
        given = [f"{key} = {value_words(value)}" for key, value in settings.items()]
        return f" ({', '.join(given)})" if given else ""
    hidden = model.hidden if isinstance(model.hidden, list | tuple) else [model.hidden]
    layers = listed([str(width) for width in hidden])
    latent = model.latent if isinstance(model.latent, int) else value_words(model.latent)
    shown = {"hidden", "latent", "learning_rate", "max_epochs", "patience", "preset"}
    others = [
        f"{key} = {value_words(value)}" for key, value in settings.items() if key not in shown
    ]
    beside = f", {', '.join(others)}" if others else ""
    return (
        f" in PyTorch [@paszke2019] (hidden layers of {layers} units, {latent} latent dimensions"
        f"{beside}), trained by Adam [@kingma2015] with a learning rate of "
        f"{model.learning_rate:g} for at most {model.max_epochs:,} epochs, and stopped after "
        f"{model.patience} epochs without a better loss on held-out training rows"
    )


def _gate(arm: str, kind: Any, own: Mapping[str, Any], results: Results) -> Iterator[str]:
    choices = [choice for run in results.metrics.get(arm, []) for choice in run.get("gate", ())]
    tried = [one for choice in choices[:1] for one in choice["candidates"]]
    names = list(dict.fromkeys(one["generator"] for one in tried if one["generator"] != "none"))
    if not names:
        names = [one.get("kind") or one["class"] for one in own.get("candidates") or ()]
        names = [*([] if kind == "auto" else [kind]), *names]
    what = f" among {listed([_by_class(name) for name in names])}" if names else ""
    losses = sorted({str(choice["loss"]) for choice in choices}) or ["log loss"]
    yield (
        f"In the arm {arm}, the generator of synthetic rows and their number, if any, were chosen "
        f"in each trial{what} by the {' and '.join(losses)} on inner folds of the training rows: "
        "nothing was added, or else the fewest rows, within one standard error [@breiman1984] of "
        "the best."
    )


def _by_class(name: str) -> str:
    """Return the words for a generator by its kind, or by the name of its class."""
    kinds = {MODELS[kind].__name__: kind for kind in MODELS}
    return _generator_words(kinds.get(name, name))
