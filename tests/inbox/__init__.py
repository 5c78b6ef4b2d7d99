"""Tests of the quarantine inbox: its writers, its ways out, its notices and its reader."""
