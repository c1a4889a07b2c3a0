"""Is it any good, and compared with what? Every model, fit on the same past and asked the same questions."""
