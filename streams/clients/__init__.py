"""What others build on: publisher and subscriber."""
