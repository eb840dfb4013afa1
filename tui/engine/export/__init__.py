"""The process that makes an export: it waits for its turn, and lets child processes load, write, prove and push."""
