from vaega.generative._training import History


def test_figures_go_to_their_lists():
    history = History()
    history.append(elbo=1.0, kl=3.0, heldout_kl=6.0)
    assert (history.elbo, history.kl, history.heldout_kl) == ([1.0], [3.0], [6.0])
    assert history.sigma == []


def test_the_first_of_equally_good_epochs_is_the_best():
    history = History()
    for bound in (-2.0, -1.0, -1.0):
        history.append(heldout_elbo=bound)
    assert history.best_epoch == 1
    assert History() == History()
