"""The suppression paradigm: what a participant sees and answers, in order, with markers at the frames of the screen.

`machine` decides what comes next and knows no Qt; `presenter` turns that into markers and a summary; `window` shows it.
"""
