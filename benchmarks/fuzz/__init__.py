"""Files that nobody should have written, given to every reader of ours: what must come back is an answer or one line.

`mutate` changes honest files, `hostile` builds the ones an attacker would, `child` reads them in a process with limits,
`cases` counts what comes out; `python -m benchmarks.fuzz` does it guided by coverage, with atheris.
"""
