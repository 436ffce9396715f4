"""The page: its components and their event handlers.

To read it in order: `page`, which is the layout, then `inputs`, `results`, `history` and
`mask_editor`, which build its parts, `lasting_run` and `session`, by which a page that was away
finds its run again, and `handlers`, which connect them. The words are in `strings`, those of the
settings in `styletx.settings`.
"""
