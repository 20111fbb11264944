"""The life of a paid call, one module per act: submit, poll, collect, settle, sweep.

Every act is: claim by a conditional update, do one short thing with no transaction open, compare and set. Whatever dies
between two lines leaves a row that the next act understands.
"""
