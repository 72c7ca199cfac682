"""`manage.py doctor`: what this installation advertises, what of it answers, and what to do about the rest.

`findings` says what is well or not (pure), `probes` asks sockets and files, `rows` asks PostgreSQL and
Redis, `examination` puts them in order. Nothing here changes anything.
"""
