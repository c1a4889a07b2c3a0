"""From a fresh checkout to one that runs. Standard library alone: there is no environment yet."""
