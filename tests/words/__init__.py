"""The texts of the pages and their translations: what finds them, what is missing, what is not marked.

`python -m tests.words` (`make messages`) brings the catalogues of `calling/dashboard/locale` up to date.
"""
