"""Every model of the field that answers "what does this customer buy next?", each a file, all asked alike."""
