"""Versions that publish their record and nothing of their data."""
