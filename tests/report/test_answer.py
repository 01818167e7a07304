"""What the page says first: right about a signal, and about none."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vaega.report._answer import answer, own_arms
from vaega.report._comparison import DatasetComparison, RowEffect
from vaega.report._results import Results
from vaega.report._statistics import compare_arms

SCORES = {"vaega": [0.9, 0.92, 0.94, 0.9, 0.93, 0.91], "f_test": [0.7, 0.72, 0.71, 0.7, 0.74, 0.7],
          "all": [0.6, 0.5, 0.7, 0.95, 0.4, 0.8]}  # fmt: skip
ARMS = {"vaega": {}, "f_test": {"selector": {"kind": "f_classif"}},
        "all": {"selector": {"kind": "all"}}}  # fmt: skip


def candidates(*leaders):
    names = ("stack", "votes", "votes and guide")
    return [
        {"candidate": name, "leads": name == leader, "trial": trial}
        for trial, leader in enumerate(leaders)
        for name in names
    ]


def results_of(p_value=0.01, *, arms=ARMS, kind="honest", led=("stack",) * 6, **fields):
    rows = [
        {"arm": arm, "n_runs": 6, "heldout_mean": np.mean(SCORES[arm]), "heldout_low": 0.8,
         "heldout_high": 0.95, "n_features_mean": 12.5, "p_value": p_value,
         "null_permutations": 99, "null_heldout_mean": 0.51}
        for arm in arms
    ]  # fmt: skip
    config = {
        "name": "study",
        "arms": arms,
        "search": {"guide": "auto"},
        "fitness": {"classifier": "logistic", "metric": "roc_auc"},
        "protocol": {"kind": kind, "outer": "holdout", "test_size": 0.3},
    }
    runs = [{"n_features": 12 + k % 2} for k in range(6)]
    metrics = {arm: [dict(run) for run in runs] for arm in arms}
    if "vaega" in metrics and led:
        metrics["vaega"][0]["candidates"] = candidates(*led)
    features = pd.DataFrame({"name": ["TP53", "BRCA1"], "share": [1.0, 0.5]})
    return Results(
        Path(), config, {}, "", pd.DataFrame(), pd.DataFrame(rows), {},
        dict.fromkeys(arms, features), {}, metrics=metrics, constant=0.5, **fields,
    )  # fmt: skip


def compared(*arms):
    table = pd.DataFrame({arm: SCORES[arm] for arm in arms})
    return DatasetComparison("d", table, compare_arms(table, test_share=3 / 7), [])


def said(found):
    return {name: " ".join(sentences) for name, sentences in found.items}


def test_a_signal_has_its_score_its_features_and_its_rivals():
    found = answer(results_of(), compared(*ARMS))
    items = said(found)
    assert found.is_shown
    assert found.headline == (
        "vaega does better than chance on unseen rows: ROC AUC 0.917 [0.800, 0.950], p = 0.010."
    )
    assert items["On unseen rows"] == (
        "vaega: ROC AUC 0.917 [0.800, 0.950]; chance 0.500; permuted labels 0.510; p = 0.010."
    )
    assert items["Features"] == (
        "vaega: 12.5 features selected in the mean of its runs; most often TP53 and BRCA1."
    )
    assert items["Against rivals"].startswith(
        "The best of 2: f_test, 0.712 [0.800, 0.950]. vaega is above f_test by 0.205 ["
    )
    assert items["Who led"] == (
        "vaega: the filter, in all of 6 trials; the searches added nothing to it."
    )
    assert items["Generated rows"] == "None were added."


@pytest.mark.parametrize("p_value", [0.05, 0.4])
def test_without_a_signal_no_feature_is_named(p_value):
    found = answer(results_of(p_value), compared(*ARMS))
    assert not found.is_shown
    assert found.headline.startswith("No signal is shown: permuted labels do as well too often")
    text = " ".join([found.headline, *said(found).values()])
    assert "TP53" not in text
    for word in ("found", "important", "better than chance"):
        assert word not in text
    assert "without a signal their names say nothing" in text


def test_without_permutations_no_signal_is_shown():
    found = answer(results_of(float("nan")), None)
    assert found.headline.startswith("No signal is shown: no run permuted the labels")
    assert "permutations: 20" in found.headline
    assert "TP53" not in " ".join(said(found).values())


def test_so_few_permutations_that_none_can_be_shown():
    results = results_of(0.1)
    results.summary["null_permutations"] = 9
    assert "9 permutations; so few cannot show one" in answer(results, None).headline


def test_rows_that_the_search_saw_are_no_unseen_rows():
    found = answer(results_of(0.01, kind="as-run"), None)
    assert found.headline == "The search saw the test rows: no score here is one of unseen rows."
    assert "On rows that the search saw" in said(found)
    assert "On unseen rows" not in said(found)


def test_differences_count_once_they_are_shown():
    rivals = said(answer(results_of(), compared("vaega", "f_test")))["Against rivals"]
    assert "No difference shown" not in rivals
    assert "f_test is above" not in rivals
    same = compared("vaega", "all")
    arms = {arm: ARMS[arm] for arm in ("vaega", "all")}
    assert "No difference shown" in said(answer(results_of(arms=arms), same))["Against rivals"]


def test_a_single_arm_hears_which_rival_is_missing():
    rivals = said(answer(results_of(arms={"vaega": {}}), None))["Against rivals"]
    assert rivals.startswith("None was run: ")
    assert "size: vaega" in rivals


@pytest.mark.parametrize(
    ("led", "words"),
    [
        (("votes",) * 2, "the searches, in all of 2 trials."),
        (("stack", "votes", "votes and guide"), "the filter in 1 of 3 trials, the searches in 2."),
        (("",) * 2, "error control selected, by what the guide ranks first on halves of the rows."),
        ((), "the search; no vote was held."),
    ],
)
def test_who_led(led, words):
    assert said(answer(results_of(led=led), None))["Who led"] == f"vaega: {words}"


def test_without_a_guide_error_control_is_of_searches():
    results = results_of(led=("",))
    results.config["search"]["guide"] = "none"
    assert said(answer(results, None))["Who led"] == (
        "vaega: error control selected, by what searches find first on halves of the rows."
    )


def test_arms_that_select_without_a_search_answer_where_none_searches():
    arms = {"all": ARMS["all"], "f_test": ARMS["f_test"]}
    results = results_of(arms=arms)
    assert own_arms(results) == ["f_test"]
    assert said(answer(results, None))["Who led"] == (
        "f_test: a classical selection, nothing was searched."
    )
    tuned = results_of(arms={"all": {"regularised": True}, "vaega": {}})
    assert own_arms(tuned) == ["vaega"]


def test_generated_rows_add_up_from_both_steps():
    steps = {"selection": -0.00001, "final model": 0.02, "together": 0.02}
    effects = [RowEffect("vae", "vaega", name, 6, d, -0.01, 0.05, 0.2) for name, d in steps.items()]
    assert said(answer(results_of(row_effects=effects), None))["Generated rows"] == (
        "vae less vaega: +0.020 [-0.010, +0.050] (no difference shown, p = 0.200); of it 0.000 by "
        "the selection and +0.020 by the final model."
    )


def test_what_each_feature_shows_by_itself_stands_with_the_features():
    found = answer(results_of(0.4), None, ["No feature is shown to differ between the classes."])
    assert said(found)["Features"].endswith("No feature is shown to differ between the classes.")


def test_the_signature_of_all_rows_stands_where_there_is_one():
    names = pd.DataFrame({"name": [*(f"GENE{k}" for k in range(10)), "BRCA1", "TP53"]})
    final = SimpleNamespace(selected=lambda: names)
    features = said(answer(results_of(finals={"vaega": final}), None))["Features"]
    # Those first that runs select most often
    assert features.endswith("on all rows TP53, BRCA1, GENE0, GENE1, GENE2, GENE3, GENE4, GENE5, "
                             "GENE6, GENE7 and 2 more.")  # fmt: skip
