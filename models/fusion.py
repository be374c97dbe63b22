"""Transformers within a modality and across the two, with masks for what is missing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.tcn import FeatureDropout


def _split(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, width) -> (batch, heads, tokens, width / heads)."""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)


class _FeedForward(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and feed-forward over one modality's tokens; batch first, keys masked.

    Parameters
    ----------
    width, heads : int
        Token width, a multiple of `heads`.
    dropout : float
        Probability, on both branches.

    References
    ----------
    Vaswani et al. (2017), "Attention is all you need"; Xiong et al. (2020), "On layer normalization in the
    transformer architecture".
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed_forward = _FeedForward(width)
        self.dropout = FeatureDropout(dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(batch, tokens, width) float32 with (batch, tokens) bool -> (batch, tokens, width); one key must be valid."""
        q, k, v = (_split(part, self.heads) for part in self.qkv(self.norm(x)).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
        x = x + self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.feed_forward(x))


class CrossLayer(nn.Module):
    """One direction of the Cross-Transformer: a modality's tokens query the concatenation of both.

    Parameters
    ----------
    width, heads, dropout
        As in `TransformerLayer`.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_query = nn.LayerNorm(width)
        self.norm_memory = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed_forward = _FeedForward(width)
        self.dropout = FeatureDropout(dropout)

    def forward(self, own: Tensor, both: Tensor, valid: Tensor) -> Tensor:
        """Query.

        Parameters
        ----------
        own : (batch, n_own, width) float32
        both : (batch, n_both, width) float32
        valid : (batch, n_both) bool
            Keys that exist; at least one a row.

        Returns
        -------
        (batch, n_own, width) float32
        """
        q = _split(self.query(self.norm_query(own)), self.heads)
        k, v = (_split(part, self.heads) for part in self.key_value(self.norm_memory(both)).chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=valid[:, None, None, :])
        own = own + self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
        return own + self.dropout(self.feed_forward(own))


class CrossFusion(nn.Module):
    """Both directions of the Cross-Transformer, masked pooling, classifier.

    The first token of each modality is its summary. Where a modality is missing, all its tokens are replaced by one
    learned vector and only the summary stays a valid key, so nothing of the missing input can pass.

    Parameters
    ----------
    width, heads : int
    n_classes : int
    dropout : float
    """

    def __init__(self, width: int, heads: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.absent_eeg = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.absent_face = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.eeg_queries = CrossLayer(width, heads, dropout)
        self.face_queries = CrossLayer(width, heads, dropout)
        self.classify = nn.Sequential(nn.LayerNorm(4 * width), nn.Dropout(dropout), nn.Linear(4 * width, n_classes))

    def forward(
        self, eeg: Tensor, eeg_valid: Tensor, face: Tensor, face_valid: Tensor, has_eeg: Tensor, has_face: Tensor
    ) -> Tensor:
        """Fuse and classify: `classify` of what `pool` gives, (batch, n_classes) float32 logits."""
        return self.classify(self.pool(eeg, eeg_valid, face, face_valid, has_eeg, has_face))

    def pool(
        self, eeg: Tensor, eeg_valid: Tensor, face: Tensor, face_valid: Tensor, has_eeg: Tensor, has_face: Tensor
    ) -> Tensor:
        """Fuse, and reduce to the classifier's input.

        Parameters
        ----------
        eeg : (batch, n_eeg, width) float32
        eeg_valid : (batch, n_eeg) bool
        face : (batch, n_face, width) float32
        face_valid : (batch, n_face) bool
        has_eeg, has_face : (batch,) bool

        Returns
        -------
        (batch, 4 * width) float32
            Summary and mean of the EEG tokens, then of the face tokens.
        """
        eeg = torch.where(has_eeg[:, None, None], eeg, self.absent_eeg)
        face = torch.where(has_face[:, None, None], face, self.absent_face)
        eeg_valid = _with_summary(eeg_valid & has_eeg[:, None])
        face_valid = _with_summary(face_valid & has_face[:, None])
        both = torch.cat([eeg, face], dim=1)
        valid = torch.cat([eeg_valid, face_valid], dim=1)
        eeg = self.eeg_queries(eeg, both, valid)
        face = self.face_queries(face, both, valid)
        return torch.cat([eeg[:, 0], _masked_mean(eeg, eeg_valid), face[:, 0], _masked_mean(face, face_valid)], dim=-1)


def _with_summary(valid: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(valid[:, :1]), valid[:, 1:]], dim=1)


def _masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    weight = valid.to(x.dtype)
    return torch.bmm(weight.unsqueeze(1), x).squeeze(1) / weight.sum(dim=1, keepdim=True)
