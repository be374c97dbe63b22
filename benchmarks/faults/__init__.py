"""What goes wrong in a live session, injected from outside, ours and the peers: `python -m benchmarks faults`."""
