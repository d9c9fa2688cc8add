"""Growing a running program, whatever runs it: compile service, the host's side of the agent, runs."""
