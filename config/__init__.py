"""How one instance is put together: environment, settings, routes, processes, embedded engines.

Nothing below this package may import it, except through `django.conf.settings`.
"""
