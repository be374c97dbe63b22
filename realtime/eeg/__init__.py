"""EEG: montage, causal cleaning, calibration, quality, band power, and recordings.

The network's input comes from `realtime.eeg.pipeline.EegPipeline`; `realtime.eeg.files.read_recording` reads files and
`realtime.eeg.calibration.fit_ica` fits a person's ICA. Only what needs no MNE is re-exported here.
"""

from realtime.eeg.bands import BAND_PRESETS, Band, BandPowerStream, band_power
from realtime.eeg.montage import MODEL_CHANNELS, ChannelMap, canonical_name

__all__ = ["BAND_PRESETS", "MODEL_CHANNELS", "Band", "BandPowerStream", "ChannelMap", "band_power", "canonical_name"]
