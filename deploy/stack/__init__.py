"""A real broker and a real Triton server on this machine, as child processes."""
