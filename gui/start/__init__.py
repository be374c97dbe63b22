"""The page of streams: what is on the network, what is missing, which headset and camera to show."""
