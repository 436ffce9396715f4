"""What several tests use: servers, scripts, stand-ins, attacks. No test is in here."""
