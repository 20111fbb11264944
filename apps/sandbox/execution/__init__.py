"""The vendor at work: which jobs are due, rendering one, ending it, telling the client."""
