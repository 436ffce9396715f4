"""The server around the page: start and shutdown, limits, storage, and patches of Gradio.

To read it in order: `serve`, `middleware`, `request`, `call_validation`, `errors`, `storage`; then
`token_bucket`, `url_fetch` and `gradio_patches`. The numbers are in `styletx.limits`.
"""
