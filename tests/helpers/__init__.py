"""Helpers of several tests: servers, scripts, stand-ins, attacks. No test is in here."""
