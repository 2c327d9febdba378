"""Properties say what is true, not how long a busy machine takes to see it: their examples have no deadline.

Where time is the rule, a test measures it.
"""

from hypothesis import settings

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
