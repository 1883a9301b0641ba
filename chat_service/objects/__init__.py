"""Restate virtual objects and services: handlers and the code that only they use."""
