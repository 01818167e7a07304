from vaega.thesis.chapter4 import generators


def test_a_row_a_dataset_and_generator(smoke):
    table = generators("generators", smoke)
    assert table.rows[["dataset", "generator"]].values.tolist() == [
        ["leukemia", 0], ["leukemia", 1], ["madelon", 0], ["madelon", 1],
    ]  # fmt: skip
    assert table.rows.filter(like="accuracy").stack().between(0.0, 1.0).all()
    assert (table.rows["epochs"] == 3).all()
    assert table.notes[0].startswith("Protocol as-run: the generator is stopped on the test rows")


def test_the_accuracy_on_all_rows_is_the_mean_over_real_and_synthetic_ones(smoke):
    rows = generators("generators", smoke).rows.query("dataset == 'leukemia'")
    mixed = (20 * rows["accuracy_real_rows"] + 9 * rows["accuracy_synthetic_rows"]) / 29
    assert (mixed - rows["accuracy_all_rows"]).abs().max() < 1e-9
