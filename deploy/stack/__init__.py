"""The embedded stack: PostgreSQL, Valkey, SeaweedFS, the web server and the workers, kept running by one process.

Everything it owns lies below one folder, ``var/`` (``MILLRACE_VAR``). Nothing here imports Django: the stack must be
able to say what is wrong when the application cannot even start.
"""
