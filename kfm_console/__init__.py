"""Wiring: settings, urls, celery and the home page. No domain word is defined here."""

from kfm_console.celery import app as celery_app

__all__ = ["celery_app"]
