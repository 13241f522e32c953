"""ASGI and WSGI applications on a real server, reached over sockets."""
