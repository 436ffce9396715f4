"""The promises of the project; README.md here says where each is kept."""
