"""The running of Huiyin: the `huiyin` command, the one-machine stack, the demo."""
