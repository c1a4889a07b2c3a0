"""What is on the topics: messages, topics, connection settings. Imports nothing else of ours."""
