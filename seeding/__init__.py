"""What a run needs in the database before its first request, one module a system; a process without gevent."""
