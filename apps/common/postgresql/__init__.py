"""Django's PostgreSQL backend that tells the database which workspace is in scope (row-level security).

The policies compare a row's workspace with the setting ``app.workspace_id``: a workspace's id, ``*`` inside of
``tenancy.unscoped``, or nothing, and then there are no rows. `docs/decisions/0095-row-level-security.md` tells why.
"""
