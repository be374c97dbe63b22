"""Review of a recording's movements: film frame by frame, marks, action units, accept or reject."""
