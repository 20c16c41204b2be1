"""The one-machine stack: real servers and the four services on 127.0.0.1, started and watched by one supervisor."""
