"""Continual learning: the sample that is shipped for it (`memory`), and the experiment that shows what it is worth:
`domains` and `drawn` give five kinds of pictures with questions, `course` learns one after the other in five ways,
`experiment` runs it for several seeds and writes the report.
"""
