"""What one customer has bought, and how the model is asked about it: pure, for whoever knows the events."""
