"""The command line: words in, exit code out. One small file a command, imported when it is asked for."""
