"""The model that is served: what it looks at, what it is made of, and how it learns."""
