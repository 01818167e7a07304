from vaega.selection._search import pareto_front


def test_the_front_has_no_beaten_mask(rng):
    masks = rng.random((200, 10)) < 0.5
    scores = rng.random(200)
    front = pareto_front(masks, scores)
    sizes = masks.sum(axis=1)
    for row in front.itertuples():
        assert not ((sizes <= row.n_features) & (scores > row.score)).any()
        assert len(row.mask) == row.n_features
