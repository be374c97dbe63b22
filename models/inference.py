"""Sample sets as network input, and the network's answers to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.network import Batch, HiddenEmotionNet
from models.normaliser import Normaliser
from models.samples import SampleSet
from models.views import VIEWS, View
from models.views import softmax as softmax


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread inside the block: quicker at this size, and the sums come out the same every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sample set, normalised once; each modality is stored for the samples that have it, in half precision.

    Parameters
    ----------
    eeg_slot, face_slot : (n,) int64
        Where a sample's EEG or face is stored, -1 where it has none.
    log_power : (n_eeg, n_windows, n_channels, n_bands) float16
    channel_mask : (n_eeg, n_windows, n_channels) bool
    window_mask : (n_eeg, n_windows) bool
    flow : (n_face, 2, face_px, face_px) float16
    apex : (n_face, 1, face_px, face_px) float16
    label : (n,) int64
    """

    eeg_slot: Tensor
    face_slot: Tensor
    log_power: Tensor
    channel_mask: Tensor
    window_mask: Tensor
    flow: Tensor
    apex: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    def batch(self, rows: Tensor) -> Batch:
        """Network input of the samples at `rows`, (batch,) int64."""
        eeg, face = self.eeg_slot[rows], self.face_slot[rows]
        at, at_face = eeg.clamp_min(0), face.clamp_min(0)
        return Batch(
            log_power=self.log_power[at].float(),
            channel_mask=self.channel_mask[at],
            window_mask=self.window_mask[at],
            flow=self.flow[at_face].float(),
            apex=self.apex[at_face].float(),
            has_eeg=eeg >= 0,
            has_face=face >= 0,
        )


def prepare(samples: SampleSet, normaliser: Normaliser, face_px: int) -> Prepared:
    """Normalise and resize every sample; one blank slot is kept where no sample has the modality at all."""
    eeg_rows = np.flatnonzero(samples.has_eeg)
    face_rows = np.flatnonzero(samples.has_face)
    n_windows, n_channels, n_bands = samples.log_power.shape[1:]
    n_eeg, n_face = max(1, len(eeg_rows)), max(1, len(face_rows))
    power = np.zeros((n_eeg, n_windows, n_channels, n_bands), np.float16)
    channel_mask = np.zeros((n_eeg, n_windows, n_channels), np.bool_)
    window_mask = np.zeros((n_eeg, n_windows), np.bool_)
    for slot, row in enumerate(eeg_rows):
        window_mask[slot] = samples.window_mask[row]
        channel_mask[slot] = samples.channel_mask[row] & samples.window_mask[row][:, None]
        power[slot] = normaliser.log_power(samples.log_power[row], channel_mask[slot])
    flow = np.zeros((n_face, 2, face_px, face_px), np.float16)
    apex = np.zeros((n_face, 1, face_px, face_px), np.float16)
    for slot, row in enumerate(face_rows):
        # the network takes the strain from the flow itself
        flow[slot] = normaliser.flow(samples.flow[row, ..., :2], face_px)
        apex[slot] = normaliser.image(samples.apex[row], face_px)
    return Prepared(
        eeg_slot=_slots(samples.has_eeg),
        face_slot=_slots(samples.has_face),
        log_power=torch.from_numpy(power),
        channel_mask=torch.from_numpy(channel_mask),
        window_mask=torch.from_numpy(window_mask),
        flow=torch.from_numpy(flow),
        apex=torch.from_numpy(apex),
        label=torch.from_numpy(samples.label.astype(np.int64)),
    )


def predict_logits(
    network: HiddenEmotionNet, prepared: Prepared, batch_size: int = 128
) -> dict[View, NDArray[np.float32]]:
    """Logits of every sample under every view; each modality is encoded once.

    Returns
    -------
    dict of view -> (n, n_classes) float32
        'both' is what the sample has, be it one modality or two; 'eeg' and 'face' are NaN where it lacks that one.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    parts: dict[View, list[Tensor]] = {view: [] for view in VIEWS}
    with torch.inference_mode():
        for rows in torch.arange(len(prepared)).split(batch_size):
            batch = prepared.batch(rows).to(device)
            encoded = network.encode(batch)
            none = torch.zeros_like(batch.has_eeg)
            parts["both"].append(network.fuse(encoded, batch.has_eeg, batch.has_face))
            parts["eeg"].append(_or_nan(network.fuse(encoded, batch.has_eeg, none), batch.has_eeg))
            parts["face"].append(_or_nan(network.fuse(encoded, none, batch.has_face), batch.has_face))
    network.train(was_training)
    return {view: torch.cat(logits).float().cpu().numpy() for view, logits in parts.items()}


def _slots(has: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.where(has, np.cumsum(has) - 1, -1).astype(np.int64))


def _or_nan(logits: Tensor, has: Tensor) -> Tensor:
    return torch.where(has[:, None], logits, torch.nan)
