"""Applying obligations to bytes, and verifying them on the bytes that came out (C2). The two share no code."""
