"""Rasters from upload to release."""
