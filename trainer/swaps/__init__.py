"""Changing which version answers, and undoing it, while the workers go on.

settings.py    how long is waited, and how much is kept
loading.py     Triton holds a version beside the others, and it answers as it did in training
records.py     what the next announcement says: pure
workers.py     which versions the running workers ask
retirement.py  what nobody asks any more is unloaded, and in the end removed
swaps.py       promote, roll back, challenge: one change at a time
overview.py    what there is, for whoever decides
"""
