"""`flows test`: what services/flows/testing needs from outside: files, actions, a terminal."""
