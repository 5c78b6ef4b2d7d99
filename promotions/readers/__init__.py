"""Readers: what a page shows, as plain values; they decide nothing and write nothing."""
