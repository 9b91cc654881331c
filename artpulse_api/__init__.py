"""The HTTP service: Flask on gunicorn. It reads files the agent published and never imports a registry or SQL."""
