"""What is wrong with this machine and with what is on LSL, and what to do about it: 'emostream doctor'."""
