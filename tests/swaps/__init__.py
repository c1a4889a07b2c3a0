"""Versions that take each other's place while customers buy, and versions that must not."""
