"""What models are asked, each question with its own protocol."""
