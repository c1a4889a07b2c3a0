"""From the compacted log to a released model version."""
