"""Temporal convolutional network over band-power windows: dilated, causal, residual."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureDropout(nn.Module):
    """Dropout that drops a feature at all tokens of a row at once.

    Neighbouring windows carry nearly the same value, so dropping single ones hides little; and one draw a row and
    feature costs a fortieth of one a value.

    Parameters
    ----------
    p : float
        Probability of dropping.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) -> the same shape; the identity outside training."""
        if not self.training or self.p == 0.0:
            return x
        kept = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1.0 - self.p)
        return x * kept.div_(1.0 - self.p)


class CausalConv(nn.Module):
    """Dilated causal convolution over (batch, time, features), written as one matrix product.

    Output at window t reads windows t, t - dilation, ..., t - (kernel - 1) * dilation and nothing newer; what lies
    before the sequence counts as zero. The layout is (batch, time, features) rather than torch's
    (batch, features, time): on one core one product of the concatenated taps is quicker than a dilated `conv1d`.

    Parameters
    ----------
    n_in, n_out : int
        Features in and out.
    kernel : int
        Number of taps.
    dilation : int
        Windows between taps.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.dilation = dilation
        self.linear = nn.Linear(kernel * n_in, n_out)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, n_in) -> (batch, time, n_out)."""
        reach = (self.kernel - 1) * self.dilation
        if self.kernel == 1:
            return self.linear(x)
        n_times = x.shape[1]
        padded = F.pad(x, (0, 0, reach, 0))
        taps = [padded[:, k * self.dilation : k * self.dilation + n_times] for k in range(self.kernel)]
        return self.linear(torch.cat(taps, dim=-1))


class _Block(nn.Module):
    """Two causal convolutions and a residual path (1x1 where the width changes)."""

    def __init__(self, n_in: int, n_out: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = CausalConv(n_in, n_out, kernel, dilation)
        self.second = CausalConv(n_out, n_out, kernel, dilation)
        # a residual sum of six He-scaled branches would start with a variance of 2^6
        nn.init.normal_(self.second.linear.weight, std=0.5 / (kernel * n_out) ** 0.5)
        self.residual = nn.Linear(n_in, n_out) if n_in != n_out else nn.Identity()
        self.dropout = FeatureDropout(dropout)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        hidden = self.dropout(F.relu(self.first(x), inplace=True)) * keep
        hidden = self.dropout(F.relu(self.second(hidden), inplace=True))
        return F.relu(hidden + self.residual(x)) * keep


class TemporalConvNet(nn.Module):
    """Residual blocks with dilation 1, 2, 4, ...: the reference has 6 levels of 128, kernel 2, dropout 0.2.

    Hidden values of masked windows are zeroed after every convolution, so a left-padded sequence gives exactly what
    the shorter sequence alone would give.

    Parameters
    ----------
    n_in : int
        Features a window.
    width : int
        Features of every level.
    levels, kernel : int
        The receptive field is 1 + 2 * (kernel - 1) * (2**levels - 1) windows.
    dropout : float
        Probability, after every convolution.

    References
    ----------
    Bai, Kolter and Koltun (2018), "An empirical evaluation of generic convolutional and recurrent networks for
    sequence modeling".
    """

    def __init__(self, n_in: int, width: int = 128, levels: int = 6, kernel: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        widths = [n_in] + [width] * levels
        self.blocks = nn.ModuleList(
            _Block(a, b, kernel, 2**level, dropout) for level, (a, b) in enumerate(itertools.pairwise(widths))
        )

    def forward(self, x: Tensor, window_mask: Tensor) -> Tensor:
        """Encode.

        Parameters
        ----------
        x : (batch, time, n_in) float32
            Zero where masked.
        window_mask : (batch, time) bool
            True where the window exists.

        Returns
        -------
        (batch, time, width) float32
            Zero where masked.
        """
        keep = window_mask.unsqueeze(-1).to(x.dtype)
        for block in self.blocks:
            x = block(x, keep)
        return x
