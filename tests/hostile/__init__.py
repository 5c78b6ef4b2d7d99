"""Hostile files, made by the tests themselves: nothing here is kept as a file, and nothing is fetched."""
