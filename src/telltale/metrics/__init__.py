"""Targets and fake probabilities in, numbers out: how well scores separate forged clips from genuine ones.

    draws = resampling.bootstrap(targets, fake_probabilities, resamples=1000, seed=0)
    summary.summary(targets, fake_probabilities, draws)["auc"]    # {"value": 0.91, "low": 0.88, "high": 0.94}

`table.METRICS` lists the metrics; a new one is an entry there.

Everywhere, `targets` is (N,) int, 0 genuine or 1 forged, and `fake_probabilities` is (N,) float in [0, 1],
the higher the more likely forged. One class only, NaN, a value outside [0, 1] or two lengths raise InputError
saying so: nothing is guessed.
"""
