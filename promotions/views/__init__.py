"""Edges: get or 404, one check, one writer, message, redirect."""
