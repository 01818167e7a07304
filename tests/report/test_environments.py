from vaega.report._environments import difference_sentences

ONE = {"vaega": "0.1.0", "code": "aa", "python": "3.11.1", "packages": {"numpy": "2.4.6"}}


def test_runs_of_one_environment_say_nothing():
    assert difference_sentences([]) == []
    assert difference_sentences([ONE, dict(ONE)]) == []


def test_what_differs_is_named_with_its_counts():
    other = ONE | {"code": "bb", "packages": {"numpy": "2.5.0"}}
    assert difference_sentences([ONE, other, other]) == [
        "Runs were computed with different software or machines, so that their figures may differ "
        "by that alone: sources of vaega bb (2), aa (1); numpy 2.5.0 (2), 2.4.6 (1)."
    ]


def test_a_class_of_the_user_is_known_by_its_source():
    first, second = (ONE | {"classes": {"mine.Classifier": digest}} for digest in "ab")
    (sentence,) = difference_sentences([first, second])
    assert "source of mine.Classifier a (1), b (1)" in sentence


def test_an_environment_of_old_says_nothing_of_what_it_does_not_hold():
    assert difference_sentences([ONE, {"vaega": "0.1.0"}]) == []
