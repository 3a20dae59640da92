"""One outside system each: thin, typed and injectable."""
