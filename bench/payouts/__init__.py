"""What paying costs: planning and approving a run, and sending it to the sandbox, with a limit of calls and without.

sandbox   the sandbox as a process of its own
purses    a book that owes many clippers something
"""
