"""How it is run: the nextup command, the local stack, the demo, containers."""
