"""The panels of EEG: traces, band power, topography, spectrogram, signal quality; and what draws them."""
