"""The API: endpoints for programs, and what the page shares with them.

To read it in order: `endpoints`, `schema`, `painting`, `images`, `job_report`, `job_files`; then
`mcp`, the tool for agents.
"""
