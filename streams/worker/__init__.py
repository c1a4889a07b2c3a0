"""The Faust app: one file per thing that happens to an event."""
