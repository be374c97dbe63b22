"""From LSL to small frozen records: what is read, how it is decoded, and the threads that read it."""
