"""What flows: the contract on the topics, the clients that others build on, and the worker."""
