"""The run that a shop leaves on every night: learn, compare with the version that serves, release what is better.

run.py         the whole way, step by step
questions.py   the newest orders, which neither version has seen, as both are asked about them
versions.py    a version's graph, asked in the item numbers of the log
comparison.py  how good the candidate is beside the version that serves
decision.py    released or not, and why: pure
timings.py     how long each step took, and how much it got done
"""
