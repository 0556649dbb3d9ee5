"""The terms of objectives by themselves: UCF's triplets and the labels that LAV gives its patches."""

import itertools

import numpy as np
import pytest
import torch
from detector_world import normal

from telltale.train import objectives

torch.set_num_threads(1)


def test_triplets_of_one_of_each_kind_are_what_a_hand_would_compute() -> None:
    features, kinds = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]), torch.tensor([0, 1, 2])
    # Each is its own positive, 0 away. Genuine and forged are 3 apart; the two forged ones are not compared.
    for margin, wanted in ((5.0, 4.0), (3.5, 1.0), (2.0, 0.0)):
        assert objectives.triplets(features, kinds, margin).item() == pytest.approx(wanted, abs=1e-4)
    assert objectives.triplets(torch.ones(4, 3), torch.tensor([0, 1, 0, 2]), 3.0).item() == pytest.approx(
        6, abs=1e-4
    )


def test_triplets_draw_positives_of_the_kind_and_negatives_of_the_other_class() -> None:
    features = normal(5, 3).double().numpy()  # of the kinds 0, 0, 1, 1, 2
    away = np.linalg.norm(features[:, None] - features[None], axis=2)
    alike, unlike = ((0, 1), (0, 1), (2, 3), (2, 3), (4,)), ((2, 3, 4), (2, 3, 4), (0, 1), (0, 1), (0, 1))
    lost = [[max(away[i, p] - away[i, n] + 3, 0) for p in alike[i] for n in unlike[i]] for i in range(5)]
    possible = np.array([np.mean(each[:2]) + np.mean(each[2:]) for each in itertools.product(*lost)])
    torch.manual_seed(0)
    drawn = {
        objectives.triplets(torch.from_numpy(features), torch.tensor([0, 0, 1, 1, 2]), 3.0).item()
        for _ in range(50)
    }
    assert len(drawn) > 10
    assert all(np.abs(possible - each).min() < 1e-4 for each in drawn)


def test_a_patch_is_forged_where_it_points_rather_to_the_forged_faces() -> None:
    face = torch.zeros(10, 10, dtype=torch.bool)
    face[3:8, 3:7] = True  # where talking heads have it
    projected = torch.zeros(4, 2, 10, 10)
    projected[:, 1] = 2.0
    projected[1::2] = torch.stack([face, ~face]).float() * 5
    labels = objectives.patch_labels(projected, torch.tensor([0, 1, 0, 1]))
    assert torch.equal(labels, torch.stack([torch.zeros_like(face), face] * 2).long())
    projected[0] = projected[1]  # whatever a genuine picture shows, its patches are genuine
    assert not objectives.patch_labels(projected, torch.tensor([0, 1, 0, 1]))[::2].any()


def test_triplets_want_a_margin_between_kinds() -> None:
    features = torch.from_numpy(np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 0.0], [10.0, 0.0]], np.float32))
    near, far = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert objectives.triplets(features, near, 3.0).item() == pytest.approx(0.0, abs=1e-4)
    assert objectives.triplets(torch.zeros(4, 2), far, 3.0).item() == pytest.approx(6.0, abs=1e-4)
