"""Answers the SHA-256 of its input, as base64url."""

from base64 import urlsafe_b64encode
from hashlib import sha256


def handler(event, _context):
    return urlsafe_b64encode(sha256(event.encode()).digest()).decode()
