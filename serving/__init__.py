"""What a model version is, and how to ask one: features, model repository, Triton client, fallback."""
