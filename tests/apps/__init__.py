"""Real applications, each on a real server, as their users reach them."""
