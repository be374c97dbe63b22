"""A guided minute with a person: what their eyes, face and headset look like while nothing is hidden."""
