"""The network's parts arranged for one question at a time: the same weights, fewer and larger steps.

`models.network` says what is computed and is what is trained; what is here gives the same answers (within 1e-5, tested)
and is what `models.export` writes. What differs, and why it is the same:

- The powers less their mean enter the first convolution linearly, so the mean is multiplied by the weights and not
  subtracted forty times over; taps and residual path are one product.
- A convolution's output is zero where the window is masked: there, 1e9 is taken from what its ReLU sees.
- A masked window ahead of the others is where the summary token stands afterwards.
- Scales and offsets of layer norms, and the attention's scale, are multiplied into the weights that follow them.
- Keys, queries and values for both directions of the fusion are linear in a modality's tokens and made with them.
- Of a missing modality all tokens are alike, so one is asked for. What one modality alone says is answered by its part.
- Of the fused tokens only summary and mean are used, and the last product is linear: it is taken of those two.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.fusion import CrossFusion, CrossLayer, TransformerLayer
from models.network import HiddenEmotionNet
from models.tcn import TemporalConvNet

_FAR = 1e9
"""Larger than any value inside the network: taken from a sum it leaves a ReLU 0 and an attention weight 0."""


def _kept(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().clone().contiguous(), requires_grad=False)


def _after_norm(norm: nn.LayerNorm, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of `linear(norm(x))`, for x that is normalised but neither scaled nor shifted."""
    return linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias


def _without_scale(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


class _LeanTcn(nn.Module):
    """`models.tcn.TemporalConvNet` on powers and mask, as convolutions over (1, width, 1, windows)."""

    def __init__(self, tcn: TemporalConvNet, n_channels: int, n_bands: int) -> None:
        super().__init__()
        blocks: list[Any] = list(tcn.blocks)
        first, residual = blocks[0].first, blocks[0].residual
        kernel, width = int(first.kernel), len(first.linear.bias)
        n_in = n_channels * (2 * n_bands + 1)
        straight = torch.eye(width) if isinstance(residual, nn.Identity) else residual.weight
        of_residual = torch.zeros(width) if isinstance(residual, nn.Identity) else residual.bias
        taps = first.linear.weight.view(width, kernel, n_in).unbind(1)
        weight = torch.cat([*taps, straight])
        power, change, mask = weight.split([n_channels * n_bands, n_channels * n_bands, n_channels], dim=1)
        self.n_channels, self.n_bands, self.width, self.kernel = n_channels, n_bands, width, kernel
        self.power = _kept(power + change)
        self.change = _kept(change.view(-1, n_channels, n_bands).permute(1, 2, 0))
        self.mask = _kept(mask.t())
        self.bias = _kept(torch.cat([torch.zeros((kernel - 1) * width), first.linear.bias, of_residual])[:, None])
        convs = [conv.linear for block in blocks for conv in (block.first, block.second)][1:]
        self.weights = nn.ParameterList(
            _kept(linear.weight.view(width, kernel, width).transpose(1, 2).unsqueeze(2)) for linear in convs
        )
        self.biases = nn.ParameterList(_kept(linear.bias) for linear in convs)
        self.ones = _kept(torch.ones(width, 1, 1, 1))

    def forward(self, power: Tensor, mask: Tensor, window: Tensor) -> Tensor:
        """(windows, channels * bands), (windows, channels), (windows,) -> (width, windows), 0 where masked."""
        n, width = len(window), self.width
        away = (window - 1.0).view(1, 1, 1, n)
        *older, hidden, residual = self._first(power, mask).split(width)
        for back, tap in enumerate(reversed(older), start=1):
            hidden = hidden + F.pad(tap, (back, 0))[:, :n]
        hidden = F.relu(hidden.view(1, width, 1, n) + _FAR * away)
        # sums that follow a convolution are part of its step where both are laid out as convolutions lay them
        masked = F.conv2d(away, _FAR * self.ones)
        hidden = self._conv(0, hidden, 1, masked)
        x = F.relu(hidden + (F.conv2d(residual.view(1, width, 1, n), self.ones, groups=width) + masked))
        for level in range(1, (len(self.weights) + 1) // 2):
            hidden = self._conv(2 * level - 1, x, 2**level, masked)
            # neither is negative: the block's last ReLU would change nothing
            x = x + self._conv(2 * level, hidden, 2**level, masked)
        return x.view(width, n)

    def _first(self, power: Tensor, mask: Tensor) -> Tensor:
        """Taps of the first convolution, oldest first, and the residual path: ((kernel + 1) * width, windows)."""
        count = mask.sum(dim=0).clamp_min(1.0).view(-1, 1, 1)
        mean = power.sum(dim=0).view(self.n_channels, 1, self.n_bands) / count
        of_mask = self.mask - torch.matmul(mean, self.change).view(self.n_channels, -1)
        return torch.addmm(torch.addmm(self.bias, of_mask.t(), mask.t()), self.power, power.t())

    def _conv(self, i: int, x: Tensor, dilation: int, masked: Tensor) -> Tensor:
        padded = F.pad(x, ((self.kernel - 1) * dilation, 0))
        return F.relu(F.conv2d(padded, self.weights[i], self.biases[i], dilation=(1, dilation)) + masked)


class _LeanFeedForward(nn.Module):
    """Norm, linear, ReLU, linear; without the residual sum."""

    def __init__(self, parts: nn.Sequential) -> None:
        super().__init__()
        norm, linear, _, last = cast("tuple[nn.LayerNorm, nn.Linear, nn.ReLU, nn.Linear]", tuple(parts))
        weight, bias = _after_norm(norm, linear)
        self.weight, self.bias = _kept(weight.t()), _kept(bias)
        self.last, self.last_bias = _kept(last.weight.t()), _kept(last.bias)

    def hidden(self, x: Tensor) -> Tensor:
        return F.relu(torch.addmm(self.bias, _without_scale(x), self.weight))


class _LeanLayer(nn.Module):
    """`models.fusion.TransformerLayer` on (tokens, width)."""

    def __init__(self, layer: TransformerLayer) -> None:
        super().__init__()
        weight, bias = _after_norm(layer.norm, layer.qkv)
        width = weight.shape[1]
        scale = torch.ones(3 * width)
        scale[:width] = (width // layer.heads) ** -0.5
        self.heads, self.width = layer.heads, width
        self.qkv, self.qkv_bias = _kept(weight * scale[:, None]), _kept((bias * scale)[:, None])
        self.out, self.out_bias = _kept(layer.out.weight.t()), _kept(layer.out.bias)
        self.feed_forward = _LeanFeedForward(layer.feed_forward)

    def forward(self, x: Tensor, masked: Tensor | None) -> Tensor:
        qkv = torch.addmm(self.qkv_bias, self.qkv, _without_scale(x).t())
        q, k, v = qkv.view(3 * self.heads, self.width // self.heads, len(x)).split(self.heads)
        x = torch.addmm(x, _attend(q, k, v, masked).t(), self.out) + self.out_bias
        return torch.addmm(x, self.feed_forward.hidden(x), self.feed_forward.last) + self.feed_forward.last_bias


def _lean_layers(layers: nn.ModuleList) -> nn.ModuleList:
    return nn.ModuleList(_LeanLayer(cast("TransformerLayer", layer)) for layer in layers)


def _attend(q: Tensor, k: Tensor, v: Tensor, masked: Tensor | None) -> Tensor:
    """(heads, head width, queries), 2 x (heads, head width, keys), (keys,) -> (width, queries)."""
    scores = torch.matmul(q.transpose(1, 2), k)
    if masked is not None:
        scores = scores + masked
    mixed = torch.matmul(v, torch.softmax(scores, dim=-1).transpose(1, 2))
    return mixed.reshape(-1, mixed.shape[2])


class _LeanCross(nn.Module):
    """`models.fusion.CrossLayer`: from queries, keys and values on, down to weighted means of the fused tokens."""

    def __init__(self, layer: CrossLayer) -> None:
        super().__init__()
        self.out, self.out_bias = _kept(layer.out.weight.t()), _kept(layer.out.bias)
        self.feed_forward = _LeanFeedForward(layer.feed_forward)

    def forward(self, own: Tensor, qkv: tuple[Tensor, Tensor, Tensor], masked: Tensor | None, rows: Tensor) -> Tensor:
        """(tokens, width), what `_attend` reads, (n, tokens) weights with a sum of 1 a row -> (n, width)."""
        own = torch.addmm(own, _attend(*qkv, masked).t(), self.out) + self.out_bias
        last = self.feed_forward
        straight = torch.addmm(last.last_bias, rows, own)
        return torch.addmm(straight, torch.matmul(rows, last.hidden(own)), last.last)


class _Projection(nn.Module):
    """What the fusion reads of one modality's tokens: queries of its own direction, keys and values of both."""

    def __init__(self, own: CrossLayer, eeg: CrossLayer, face: CrossLayer) -> None:
        super().__init__()
        weight, bias = _after_norm(own.norm_query, own.query)
        scale = (weight.shape[1] // own.heads) ** -0.5
        memory = [_after_norm(layer.norm_memory, layer.key_value) for layer in (eeg, face)]
        self.heads = own.heads
        self.weight = _kept(torch.cat([scale * weight, *(w for w, _ in memory)]))
        self.bias = _kept(torch.cat([scale * bias, *(b for _, b in memory)])[:, None])

    def forward(self, tokens: Tensor) -> Tensor:
        """(tokens, width) -> (5 * heads, head width, tokens)."""
        found = torch.addmm(self.bias, self.weight, _without_scale(tokens).t())
        return found.view(5 * self.heads, -1, len(tokens))


class _Side(NamedTuple):
    """One modality as the fusion takes it.

    Parameters
    ----------
    tokens : (tokens, width) float32
    read : (5 * heads, head width, tokens) float32
        See `_Projection`.
    masked : (tokens,) float32
        0 for a token that may be looked at, far below 0 for another.
    rows : (1 or 2, tokens) float32
        Weights of the summary and of the mean; one row where there is one token.
    """

    tokens: Tensor
    read: Tensor
    masked: Tensor
    rows: Tensor


class _Fuse(nn.Module):
    """`models.fusion.CrossFusion` of one question, from what `_Projection` made of each modality."""

    def __init__(self, fusion: CrossFusion) -> None:
        super().__init__()
        eeg, face = fusion.eeg_queries, fusion.face_queries
        self.heads = eeg.heads
        self.eeg, self.face = _LeanCross(eeg), _LeanCross(face)
        # in eval mode the dropout between them is nothing
        self.norm, _, self.classify = fusion.classify

    def forward(self, eeg: _Side, face: _Side) -> Tensor:
        """(1, n_classes) logits."""
        of_eeg, *memory_eeg = eeg.read.split(self.heads)
        of_face, *memory_face = face.read.split(self.heads)
        k_e, v_e, k_f, v_f = (torch.cat(pair, dim=2) for pair in zip(memory_eeg, memory_face, strict=True))
        masked = torch.cat([eeg.masked, face.masked])
        seen = self.eeg(eeg.tokens, (of_eeg, k_e, v_e), masked, eeg.rows)
        shown = self.face(face.tokens, (of_face, k_f, v_f), masked, face.rows)
        pooled = [side.flatten() if len(side) == 2 else side[0].repeat(2) for side in (seen, shown)]
        return self.classify(self.norm(torch.cat(pooled)[None]))


class _Absent(nn.Module):
    """The one learned token that stands for a missing modality."""

    def __init__(self, token: Tensor, projection: _Projection) -> None:
        super().__init__()
        self.token, self.read = _kept(token), _kept(projection(token))
        self.masked, self.rows = _kept(torch.zeros(1)), _kept(torch.ones(1, 1))

    def side(self) -> _Side:
        return _Side(self.token, self.read, self.masked, self.rows)


class LeanEeg(nn.Module):
    """The EEG encoder, and what EEG alone says.

    Parameters
    ----------
    network : HiddenEmotionNet
    """

    def __init__(self, network: HiddenEmotionNet) -> None:
        super().__init__()
        c, encoder, fusion = network.config, network.eeg, network.fusion
        self.tcn = _LeanTcn(encoder.tcn, c.n_channels, c.n_bands)
        position = encoder.position[0].clone()
        # what stands ahead of the windows is 0 up to here
        position[1:] += encoder.to_token.bias
        self.position, self.to_token = _kept(position), _kept(encoder.to_token.weight.t())
        self.layers = _lean_layers(encoder.layers)
        self.project = _Projection(fusion.eeg_queries, fusion.eeg_queries, fusion.face_queries)
        of_face = _Projection(fusion.face_queries, fusion.eeg_queries, fusion.face_queries)
        self.absent = _Absent(fusion.absent_face[0], of_face)
        self.fuse = _Fuse(fusion)
        self.summary = _kept(F.one_hot(torch.tensor(0), c.n_windows + 1).float())

    def forward(self, power: Tensor, mask: Tensor, window: Tensor) -> tuple[Tensor, ...]:
        """Encode, and answer from EEG alone.

        Parameters
        ----------
        power : (1 + n_windows, n_channels * n_bands) float32
            z-scores, 0 where masked. The first row, as that of the others, is a window that does not exist.
        mask : (1 + n_windows, n_channels) float32
            1 where the channel counts, else 0.
        window : (1 + n_windows,) float32
            1 where any channel counts, else 0.

        Returns
        -------
        (1, n_classes) float32 logits, and a `_Side`.
        """
        tokens = torch.addmm(self.position, self.tcn(power, mask, window).t(), self.to_token)
        valid = window + self.summary
        masked = _FAR * (valid - 1.0)
        for layer in self.layers:
            tokens = layer(tokens, masked)
        rows = torch.stack([self.summary, valid / valid.sum()])
        side = _Side(tokens, self.project(tokens), masked, rows)
        return (self.fuse(side, self.absent.side()), *side)


class LeanFace(nn.Module):
    """The face encoder, and what a face alone says.

    Parameters
    ----------
    network : HiddenEmotionNet
    """

    def __init__(self, network: HiddenEmotionNet) -> None:
        super().__init__()
        encoder, fusion = network.face, network.fusion
        self.encoder = encoder
        self.layers = _lean_layers(encoder.layers)
        self.project = _Projection(fusion.face_queries, fusion.eeg_queries, fusion.face_queries)
        of_eeg = _Projection(fusion.eeg_queries, fusion.eeg_queries, fusion.face_queries)
        self.absent = _Absent(fusion.absent_eeg[0], of_eeg)
        self.fuse = _Fuse(fusion)
        n = encoder.position.shape[1]
        first = F.one_hot(torch.tensor(0), n).float()
        self.masked, self.rows = _kept(torch.zeros(n)), _kept(torch.stack([first, torch.full((n,), 1.0 / n)]))

    def forward(self, flow: Tensor, apex: Tensor) -> tuple[Tensor, ...]:
        """(1, 2, px, px) and (1, 1, px, px) float32 -> (1, n_classes) float32 logits, and a `_Side`."""
        tokens = self.encoder.looked(flow, apex)[0]
        for layer in self.layers:
            tokens = layer(tokens, None)
        side = _Side(tokens, self.project(tokens), self.masked, self.rows)
        return (self.fuse(self.absent.side(), side), *side)


class LeanFusion(nn.Module):
    """What both modalities together say.

    Parameters
    ----------
    network : HiddenEmotionNet
    """

    def __init__(self, network: HiddenEmotionNet) -> None:
        super().__init__()
        self.fuse = _Fuse(network.fusion)

    def forward(self, *sides: Tensor) -> tuple[Tensor]:
        """What `LeanEeg` and `LeanFace` gave beside the logits -> (1, n_classes) float32 logits."""
        half = len(sides) // 2
        return (self.fuse(_Side(*sides[:half]), _Side(*sides[half:])),)
