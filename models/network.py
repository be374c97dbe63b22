"""The whole network: EEG windows and one facial movement in, class logits out, either of them optional."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import NetworkConfig
from models.fusion import CrossFusion, TransformerLayer
from models.stn import RegionSampler, optical_strain
from models.tcn import TemporalConvNet

_FLOW_LIMIT = 8.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Normalised network input.

    Parameters
    ----------
    log_power : (batch, n_windows, n_channels, n_bands) float32
        z-scores of log10 µV²/Hz; anything where masked.
    channel_mask : (batch, n_windows, n_channels) bool
        True where the channel is present and good.
    window_mask : (batch, n_windows) bool
        True where the window exists.
    flow : (batch, 2, face_px, face_px) float32
        Onset -> apex, in units of the normaliser's flow scale.
    apex : (batch, 1, face_px, face_px) float32
        0 to 1.
    has_eeg, has_face : (batch,) bool
        A missing modality's arrays may hold anything.
    """

    log_power: Tensor
    channel_mask: Tensor
    window_mask: Tensor
    flow: Tensor
    apex: Tensor
    has_eeg: Tensor
    has_face: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{part.name: getattr(self, part.name).to(device) for part in fields(self)})

    def take(self, rows: Tensor) -> Batch:
        """The rows at (n,) int64."""
        return Batch(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens of both modalities, (batch, tokens, token_width) float32, and which are valid, (batch, tokens) bool."""

    eeg: Tensor
    eeg_valid: Tensor
    face: Tensor
    face_valid: Tensor

    def take(self, rows: Tensor) -> Encoded:
        """The rows at (n,) int64, repeats allowed."""
        # index_select, since the gradient of plain indexing is several times slower
        return Encoded(
            self.eeg.index_select(0, rows),
            self.eeg_valid.index_select(0, rows),
            self.face.index_select(0, rows),
            self.face_valid.index_select(0, rows),
        )


class EegEncoder(nn.Module):
    """TCN over the windows, then a Transformer over a summary token and one token a window.

    Beside the powers go in the same powers less their mean over the sequence, since people differ more from one another
    than a person from one emotion to the next, and the mask: an absent channel is not a channel at its mean.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        n_in = config.n_channels * (2 * config.n_bands + 1)
        self.tcn = TemporalConvNet(n_in, config.tcn_width, config.tcn_levels, config.tcn_kernel, config.dropout)
        self.to_token = nn.Linear(config.tcn_width, config.token_width)
        self.position = nn.Parameter(0.02 * torch.randn(1, config.n_windows + 1, config.token_width))
        self.layers = nn.ModuleList(
            TransformerLayer(config.token_width, config.heads, config.dropout) for _ in range(config.layers)
        )

    def forward(self, log_power: Tensor, channel_mask: Tensor, window_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (batch, 1 + n_windows, token_width) float32 and which are valid (batch, 1 + n_windows) bool."""
        channel_mask = channel_mask & window_mask.unsqueeze(-1)
        window_mask = channel_mask.any(dim=-1)
        there = channel_mask.unsqueeze(-1)
        powers = torch.where(there, log_power, 0.0)
        mean = powers.sum(dim=1, keepdim=True) / channel_mask.sum(dim=1, keepdim=True).clamp_min(1).unsqueeze(-1)
        change = torch.where(there, powers - mean, 0.0)
        features = torch.cat([powers.flatten(2), change.flatten(2), channel_mask.to(powers.dtype)], dim=-1)
        tokens = self.to_token(self.tcn(features, window_mask))
        tokens = F.pad(tokens, (0, 0, 1, 0)) + self.position
        valid = F.pad(window_mask, (1, 0), value=True)
        for layer in self.layers:
            tokens = layer(tokens, valid)
        return tokens, valid


class FaceEncoder(nn.Module):
    """STN glimpses of flow, strain and apex, a convolutional extractor shared by all, a Transformer over the tokens.

    A token also carries its glimpse's theta: what moved matters together with where it is.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.token_width
        self.sampler = RegionSampler(3, config.face_px, config.glimpse_px, config.anchors)
        self.extractor = nn.Sequential(
            nn.Conv2d(4, 16, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        for part in self.extractor:
            if isinstance(part, nn.Conv2d):
                # twice as quick on one core, together with input in the same layout
                part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
        self.to_token = nn.Linear(2 * 64, width)
        self.from_theta = nn.Linear(6, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, len(config.anchors) + 1, width))
        self.layers = nn.ModuleList(TransformerLayer(width, config.heads, config.dropout) for _ in range(config.layers))

    def forward(self, flow: Tensor, apex: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (batch, 1 + n_glimpses, token_width) float32 and which are valid: all."""
        tokens = self.looked(flow, apex)
        valid = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        for layer in self.layers:
            tokens = layer(tokens, valid)
        return tokens, valid

    def looked(self, flow: Tensor, apex: Tensor) -> Tensor:
        """Tokens as `forward`, before they see one another."""
        motion = _motion(flow)
        theta = self.sampler.theta(motion)
        glimpses = self.sampler.sample(torch.cat([motion, apex - 0.5], dim=1), theta)
        features = self.extractor(glimpses.contiguous(memory_format=torch.channels_last)).flatten(2)
        pooled = torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=-1)
        seen = self.to_token(pooled).view(len(flow), self.sampler.n_glimpses, self.position.shape[2])
        tokens = seen + self.from_theta(theta.flatten(2))
        return F.pad(tokens, (0, 0, 1, 0)) + self.position

    def theta(self, flow: Tensor) -> Tensor:
        """Where the glimpses look: (batch, n_glimpses, 2, 3), glimpse to input coordinates, both in [-1, 1]."""
        return self.sampler.theta(_motion(flow))


class HiddenEmotionNet(nn.Module):
    """EEG encoder, face encoder, Cross-Transformer.

    The encoders do not see each other, so their tokens can be computed once and fused in several ways:
    both, EEG alone, face alone.

    Parameters
    ----------
    config : NetworkConfig

    References
    ----------
    Ma et al., "Multi-modality Hidden Emotion Recognition via Electroencephalogram and Facial Micro-expressions".
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.eeg = EegEncoder(config)
        self.face = FaceEncoder(config)
        self.fusion = CrossFusion(config.token_width, config.heads, config.n_classes, config.dropout)

    def encode(self, batch: Batch) -> Encoded:
        """Encode each modality of the rows that have it; a missing one is not looked at, whatever it holds."""
        eeg_rows = batch.has_eeg.nonzero().squeeze(1)
        face_rows = batch.has_face.nonzero().squeeze(1)
        n = len(batch.has_eeg)
        if len(eeg_rows) == n:
            eeg, eeg_valid = self.eeg(batch.log_power, batch.channel_mask, batch.window_mask)
        else:
            parts = (batch.log_power[eeg_rows], batch.channel_mask[eeg_rows], batch.window_mask[eeg_rows])
            eeg, eeg_valid = _scatter(self.eeg(*parts), eeg_rows, n)
        if len(face_rows) == n:
            face, face_valid = self.face(batch.flow, batch.apex)
        else:
            face, face_valid = _scatter(self.face(batch.flow[face_rows], batch.apex[face_rows]), face_rows, n)
        return Encoded(eeg, eeg_valid, face, face_valid)

    def fuse(self, encoded: Encoded, has_eeg: Tensor, has_face: Tensor) -> Tensor:
        """(batch, n_classes) logits from tokens, each row with the modalities that the (batch,) bool flags leave it."""
        return self.fusion(encoded.eeg, encoded.eeg_valid, encoded.face, encoded.face_valid, has_eeg, has_face)

    def forward(self, batch: Batch) -> Tensor:
        """(batch, n_classes) logits; rows do not influence each other."""
        return self.fuse(self.encode(batch), batch.has_eeg, batch.has_face)


def _motion(flow: Tensor) -> Tensor:
    """(batch, 2, px, px) -> (batch, 3, px, px): flow, clamped, and its strain."""
    flow = flow.clamp(-_FLOW_LIMIT, _FLOW_LIMIT)
    return torch.cat([flow, optical_strain(flow)], dim=1)


def _scatter(encoded: tuple[Tensor, Tensor], rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Tokens of some rows -> tokens of all `n` rows, zero and invalid elsewhere."""
    tokens, valid = encoded
    all_tokens = tokens.new_zeros(n, *tokens.shape[1:]).index_copy(0, rows, tokens)
    return all_tokens, valid.new_zeros(n, valid.shape[1]).index_copy(0, rows, valid)
