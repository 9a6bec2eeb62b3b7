"""What differs from `django-admin startproject`: the database outlives releases, the front door serves the static files."""

from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
DEBUG = False
ALLOWED_HOSTS = ["*"]
SITE_ID = 1
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "data" / "db.sqlite3", "OPTIONS": {"timeout": 20}}}
STATIC_URL = "static/"
STATIC_ROOT = BASE / "public" / "static"
STATICFILES_DIRS = [BASE / "assets"]
APPS = ["django.contrib.sites", "django.contrib.flatpages", "pages"]
TEMPLATES_DIR = BASE / "templates"
