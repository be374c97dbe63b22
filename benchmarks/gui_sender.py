"""The participant of the dashboard's benchmarks: 64 channels at 1 kHz, 30 frames a second, and the truth."""

from __future__ import annotations

import time

import pylsl

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoInfo
from realtime.processes import end_with_parent
from simulators.cohort import unseen_person
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.pushers import EegPusher, MarkerPusher, VideoPusher
from simulators.scenario import make_scenario
from simulators.streams import PushedStreams, truth_markers

CHANNELS = (*MODEL_CHANNELS, "M1", "M2")
SFREQ_HZ, FPS, SIZE = 1000.0, 30.0, (640, 480)
_HOUR_S = 3600.0


def main() -> None:
    """Send for an hour, or until the benchmark ends this process."""
    end_with_parent()
    session.configure()
    person = unseen_person(1)
    scenario = make_scenario(person, _HOUR_S, 1)
    brain = EegSimulator(person, scenario, SFREQ_HZ, CHANNELS)
    face = FaceSimulator(person, scenario, fps=FPS, size=SIZE)
    brain.prepare(0)
    eeg = EegOutlet(EegInfo("emostream-eeg", "bench-eeg", CHANNELS, SFREQ_HZ))
    video = VideoOutlet(VideoInfo("emostream-video", "bench-video", *SIZE, 1, FPS))
    truth = MarkerOutlet("emostream-truth", "bench-truth")
    pushers = [
        EegPusher(eeg, brain.samples, SFREQ_HZ, round(_HOUR_S * SFREQ_HZ), prepare=brain.prepare),
        VideoPusher(video, lambda index: (index / FPS, face.frame(index)), skip_late_at_hz=FPS),
        MarkerPusher(truth, truth_markers(person, scenario), name="truth"),
    ]
    streams = PushedStreams(pushers, [eeg.close, video.close, truth.close], pylsl.local_clock)
    streams.start()
    while streams.state == "running":
        time.sleep(0.5)


if __name__ == "__main__":
    main()
