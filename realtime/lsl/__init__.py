"""Lab Streaming Layer: session, discovery, readers, outlets. `import realtime.lsl` alone does not load liblsl."""
