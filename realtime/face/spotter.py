from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from realtime.config import SpotterConfig
from realtime.packets import Float32, Kind

@dataclass(frozen=True, slots=True)
class Motion:
    stamp: float
    before_s: float
    regions: Float32
    eyes: Float32
    head_px: float
    light: float
    openness: Float32

@dataclass(frozen=True, slots=True)
class Spotted:
    onset_s: float
    apex_s: float
    offset_s: float
    decided_s: float
    score: float
    kind: Kind
    regions: tuple[str, ...]

class Spotter:
    log: list = []
    def __init__(self, config=None):
        self.region_z=np.zeros(10,np.float32)
    def restart(self): pass
    def push(self, m): 
        Spotter.log.append(m); return []
