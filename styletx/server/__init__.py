"""The server around the page: start and shutdown, limits, storage, and patches of Gradio."""
