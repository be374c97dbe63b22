"""How far a camera's stamps are behind the headset's, measured on flashes that both see."""
