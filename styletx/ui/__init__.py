"""The page: its components and their event handlers.

To read it in order: `page`, which is the layout, then `inputs`, `results`, `history` and
`mask_editor`, which build its parts, `lasting_run` and `session`, by which a page that was away
finds its run again, and `handlers`, which connect them. The words are in `strings`, those of the
settings in `styletx.settings`. What cannot be used yet is not there: such a part is not visible
until it can. What Gradio has no part for is in `assets/page.js` and `assets/page.css`, with what
`script` and `theme` add from the program.
"""
