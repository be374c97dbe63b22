"""EEG of a simulated person at the electrodes of a cap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import ConfigurationError
from realtime.packets import EegInfo
from simulators.artifacts import list_artifacts, render_artifact
from simulators.head import head_model
from simulators.person import Person
from simulators.scenario import Scenario
from simulators.sources import SourceActivity

_KEPT_BLOCKS = 4
_MAINS_HZ = 50.0
_MAINS_HARMONIC = 0.25
_OFFSET_UV = 120.0
_DRIFT_UV = 12.0
_DRIFT_PERIODS_S = (37.0, 83.0)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class EegSimulator:
    """Samples of one session, any stretch at any time; one thread.

    Sources (`simulators.sources`) are projected to the electrodes by a spherical head model (`simulators.head`);
    artefacts, mains, electrode offsets, drift and noise are added. Made in blocks of a second, each from its own seed,
    so the signal does not depend on how it is asked for; reading on is cheap, jumping costs two seconds' worth.

    Parameters
    ----------
    person : Person
    scenario : Scenario
    sfreq_hz : float
        A whole number of samples a second, 100 to 10,000. The noise differs between rates, the timeline does not.
    channels : sequence of str
        Electrode names of the 10-05 system, and CB1 and CB2.

    Raises
    ------
    ConfigurationError
        A rate that cannot be simulated.
    MontageError
        A channel without a known position.
    """

    def __init__(
        self,
        person: Person,
        scenario: Scenario,
        sfreq_hz: float = 1000.0,
        channels: Sequence[str] = MODEL_CHANNELS,
    ) -> None:
        if not (100 <= sfreq_hz <= 10_000 and float(sfreq_hz).is_integer()):
            raise ConfigurationError(f"cannot simulate EEG at {sfreq_hz} Hz: wanted a whole number from 100 to 10000")
        self._person, self._scenario, self._rate = person, scenario, int(sfreq_hz)
        self._head = head_model(tuple(channels))
        self._sources = SourceActivity(person, scenario, self._head, self._rate)
        self._artifacts = list_artifacts(scenario)
        self._rendered: dict[int, tuple[int, Float32]] = {}
        self._blocks: dict[int, Float32] = {}
        self._traits = _ElectrodeTraits(person, scenario, len(self._head.channels), self._rate)
        self.info = EegInfo("emostream-eeg", f"emostream-simulator-{person.seed}", tuple(channels), float(self._rate))

    @property
    def channels(self) -> tuple[str, ...]:
        """Electrode names, in the order of the rows of `samples`."""
        return self.info.channels

    @property
    def sfreq_hz(self) -> float:
        """Samples a second."""
        return self.info.sfreq_hz

    @property
    def sources(self) -> SourceActivity:
        """The brain below: ground truth for tests and studies."""
        return self._sources

    def samples(self, first: int, n: int) -> Float32:
        """Consecutive samples.

        Parameters
        ----------
        first : int
            Index of the first one, 0 at the scenario's start; past its end the person rests.
        n : int

        Returns
        -------
        (n_channels, n) float32
            µV, against a distant, silent reference.

        Raises
        ------
        ValueError
            A negative index or count.
        """
        if first < 0 or n < 0:
            raise ValueError(f"samples {first} to {first + n} do not exist: indices start at 0")
        out = np.empty((len(self._head.channels), n), np.float32)
        done = 0
        while done < n:
            k, offset = divmod(first + done, self._rate)
            take = min(self._rate - offset, n - done)
            out[:, done : done + take] = self._block(k)[:, offset : offset + take]
            done += take
        return out

    def prepare(self, index: int) -> None:
        """Make the second that holds sample `index` now, so that asking for it later takes no time."""
        self._block(index // self._rate)

    def _block(self, k: int) -> Float32:
        if k not in self._blocks:
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.pop(next(iter(self._blocks)))
            block = self._head.leadfield @ self._sources.second(k)
            block += self._traits.second(k)
            self._add_artifacts(block, k)
            self._blocks[k] = block
        return self._blocks[k]

    def _add_artifacts(self, block: Float32, k: int) -> None:
        rendered: dict[int, tuple[int, Float32]] = {}
        for i, artifact in enumerate(self._artifacts):
            if artifact.start_s >= k + 1:
                break
            if artifact.end_s <= k:
                continue
            if i not in self._rendered:
                self._rendered[i] = render_artifact(artifact, self._person, self._scenario, self._head, self._rate)
            first, wave = rendered[i] = self._rendered[i]
            low, high = max(first, k * self._rate), min(first + wave.shape[1], (k + 1) * self._rate)
            if high > low:
                block[:, low - k * self._rate : high - k * self._rate] += wave[:, low - first : high - first]
        self._rendered = rendered


class _ElectrodeTraits:
    """What each electrode adds of its own: offset, drift, mains, white noise."""

    def __init__(self, person: Person, scenario: Scenario, n_channels: int, rate: int) -> None:
        self._seed, self._rate = (scenario.seed, person.seed, 42), rate
        rng = np.random.default_rng([scenario.seed, person.seed, 41])
        brain = person.brain
        mains = brain.mains_uv * rng.lognormal(0.0, 0.5, n_channels)
        phase = rng.uniform(0.0, 2 * np.pi, (2, n_channels))
        waves = [part for p in phase for part in (np.cos(p), np.sin(p))]
        sizes = [mains, mains, mains * _MAINS_HARMONIC, mains * _MAINS_HARMONIC]
        drift = rng.normal(0.0, _DRIFT_UV, (2 * len(_DRIFT_PERIODS_S), n_channels))
        offset = rng.normal(0.0, _OFFSET_UV, n_channels)
        columns = [offset, *drift, *(w * s for w, s in zip(waves, sizes, strict=True))]
        self._mixing = np.stack(columns, axis=1).astype(np.float32)
        # white noise: its power grows with the bandwidth
        noise_uv = brain.electrode_noise_uv * rng.lognormal(0.0, 0.3, n_channels) * np.sqrt(rate / 1000.0)
        self._noise_uv = noise_uv.astype(np.float32)[:, None]

    def second(self, k: int) -> Float32:
        times = k + np.arange(self._rate) / self._rate
        rows = [np.ones_like(times)]
        for period in _DRIFT_PERIODS_S:
            rows += [np.sin(2 * np.pi * times / period), np.cos(2 * np.pi * times / period)]
        # at a whole number of hertz every second looks alike: the argument stays small and exact
        within = times - k
        for hertz in (_MAINS_HZ, 2 * _MAINS_HZ):
            rows += [np.cos(2 * np.pi * hertz * within), np.sin(2 * np.pi * hertz * within)]
        rng = np.random.default_rng([*self._seed, k])
        noise = rng.standard_normal((len(self._noise_uv), self._rate), np.float32)
        noise *= self._noise_uv
        noise += self._mixing @ np.asarray(rows, np.float32)
        return noise
