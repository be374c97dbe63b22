"""EEG: montage, causal cleaning, calibration, quality, band power, and recordings."""

from realtime.eeg.bands import BAND_PRESETS, Band, BandPowerStream, band_power
from realtime.eeg.montage import MODEL_CHANNELS, ChannelMap, canonical_name

__all__ = ["BAND_PRESETS", "MODEL_CHANNELS", "Band", "BandPowerStream", "ChannelMap", "band_power", "canonical_name"]
