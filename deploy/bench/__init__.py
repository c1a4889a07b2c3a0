"""How fast the shipped worker is, beside the same work written by hand without Faust, in one run."""
