"""Which settings of the training suit a shop: searched for, and kept in a file that every run looks at."""
