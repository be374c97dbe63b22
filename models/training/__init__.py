"""Training of the network: epochs, resuming, several processes, one participant."""
