"""Guardrails on well-kept libraries, each a worker file of its own."""
