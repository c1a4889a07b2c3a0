"""The main job on real input, on this machine: everything started, trained, replayed and shown."""
