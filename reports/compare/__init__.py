"""Runs beside each other: baseline, pairs, history."""
