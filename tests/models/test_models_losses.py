"""Focal loss against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.losses import FocalLoss, class_balanced_alpha
from realtime.errors import DataError


def test_hand_computed_value() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]]))
    target = torch.tensor([0, 1])
    loss = FocalLoss(2.0)(logits, target)
    assert loss[0].item() == pytest.approx(0.3**2 * -math.log(0.7), rel=1e-5)
    assert loss[1].item() == pytest.approx(0.75**2 * -math.log(0.25), rel=1e-5)


def test_alpha_multiplies_and_does_not_enter_the_probability() -> None:
    logits = torch.log(torch.tensor([[0.6, 0.4]]))
    alpha = torch.tensor([3.0, 0.5])
    loss = FocalLoss(2.0, alpha)(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(3.0 * 0.4**2 * -math.log(0.6), rel=1e-5)
    mistaken = (1.0 - 0.6**3.0) ** 2 * 3.0 * -math.log(0.6)
    assert loss.item() != pytest.approx(mistaken, rel=1e-2)


def test_gamma_zero_is_weighted_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, target, alpha = torch.randn(20, 4), torch.randint(0, 4, (20,)), torch.tensor([1.0, 2.0, 0.5, 0.1])
    expected = torch.nn.functional.cross_entropy(logits, target, weight=alpha, reduction="none")
    torch.testing.assert_close(FocalLoss(0.0, alpha)(logits, target), expected)


def test_gradient_is_finite_where_the_answer_is_certain() -> None:
    logits = torch.tensor([[80.0, 0.0], [0.0, 80.0]], requires_grad=True)
    FocalLoss(2.0)(logits, torch.tensor([0, 0])).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_class_balance_by_hand() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    raw = np.array([0.5 / (1 - 0.5**8), 0.5 / (1 - 0.5**2)])
    np.testing.assert_allclose(class_balanced_alpha(labels, 3, beta=0.5), [*(raw / raw.mean()), 0.0], rtol=1e-6)
    np.testing.assert_allclose(class_balanced_alpha(labels, 2, beta=0.0), [1.0, 1.0])


def test_no_label_is_refused() -> None:
    with pytest.raises(DataError, match="at least one label"):
        class_balanced_alpha(np.array([], int), 3)
