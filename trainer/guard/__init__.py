"""Watching what was released: a version that is clearly worse than the one before is taken back.

settings.py    the margin, and how often a false alarm may be raised
sequential.py  the test, which may be looked at after every single outcome: pure
trials.py      what is compared with what, and which outcomes count: pure
outcomes.py    reads recommendation-outcomes, each record once
watch.py       judges, and acts
"""
