from dataclasses import replace

import pytest

from vaega.thesis.chapter4 import complete_groups, paired_differences


def test_arms_against_original_on_the_same_seeds(smoke):
    request = replace(smoke, groups=("leukemia_001",), protocols=("honest",))
    rows = paired_differences("paired", request).rows
    honest = rows.query("measure == 'accuracy'")
    assert honest["arm"].tolist() == ["augmented", "calibrated", "smote"]
    assert (honest["n_pairs"] == 2).all()
    assert set(honest["test"]) == {"Wilcoxon"}
    wide = complete_groups(request).table.pivot(index="seed", columns="arm", values="accuracy")
    for _, row in honest.iterrows():
        expected = (wide[row["arm"]] - wide["original"]).mean()
        assert row["difference"] == pytest.approx(expected)


def test_splits_that_share_rows_have_another_test(smoke):
    rows = paired_differences("paired", replace(smoke, groups=("gcm_45",))).rows
    assert set(rows["protocol"]) == {"as-run", "as-described", "honest"}
    assert "Wilcoxon" not in set(rows["test"])


def test_a_single_arm_has_no_pair(smoke):
    rows = paired_differences("paired", replace(smoke, datasets=("madelon",))).rows
    assert set(rows["group"]) == {"madelon"}
