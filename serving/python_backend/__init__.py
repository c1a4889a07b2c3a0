"""What Triton's python backend runs; copied into each model version, so it imports nothing of ours."""
