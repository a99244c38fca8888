"""Real processes killed at named steps, and the process after them: what is archived, what is left, what it costs."""
