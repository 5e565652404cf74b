"""Adapters between Sidehook and the frameworks that applications are written in."""
